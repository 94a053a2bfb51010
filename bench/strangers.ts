/**
 * `npm run bench -- strangers`: how long honest clients wait while strangers from other networks hold connections, ask for
 * nothing, or guess passwords. Every attack is compared with the quiet moment before it, on the same processes.
 */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import type { Place } from "../lab/world.ts";
import { SECOND } from "../src/base/time.ts";
import { deliverTo, makeLoneServer, PASSWORD, READER } from "../test/support/lone-server.ts";
import { RawSmtp } from "../test/support/raw-smtp.ts";

/** Honest pieces of work, quiet and under each attack. */
const TIMES = 25;
/** The median may be so many times the quiet one. */
const BAR = 2;
const NAME = "mail.alpha.test";
/** How soon a stranger who was sent away comes again. */
const AGAIN_MS = 5 * SECOND;

type Attack = AsyncDisposable & { readonly said: string };
type Scene = {
  readonly what: string;
  /** One piece of honest work; false when it was refused. */
  readonly honest: () => Promise<boolean>;
  readonly attack: () => Promise<Attack>;
};

/** Prints a row for each attack; false when the bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-strangers-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const any = { host: "127.0.0.1", port: 0 };
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const server = await makeLoneServer(dir, database, {
    listen: { submission: any, lmtp: any, keyserver: any },
    // All of this comes over loopback, and is to count as strangers' networks.
    limits: { trusted_networks: [] },
    keyserver: { trusted_networks: [] },
  });
  const gateway = ends.use(await server.serve("gateway"));
  const keyserver = ends.use(await server.serve("keyserver"));
  const ca = await readFile(join(dir, "pki/ca.pem"), "utf8");
  const [lmtp, submission, keys] = [
    gateway.place("lmtp"),
    gateway.place("submission"),
    keyserver.place("https"),
  ];
  let count = 0;
  const delivers = async (): Promise<boolean> =>
    (await deliverTo(lmtp, `<${String((count += 1))}@strangers.test>`)).startsWith("250");
  const scenes: readonly Scene[] = [
    {
      what: "mail in; 1,200 silent connections of two networks",
      honest: delivers,
      attack: async () => silent(lmtp, ["127.0.9", "127.0.10"], 600),
    },
    {
      what: "keyserver; 4,000 silent connections of two networks",
      honest: async () => looksUp(keys, ca),
      attack: async () => silent(keys, ["127.0.11", "127.0.12"], 2000),
    },
    {
      what: "login; ten connections that guess new accounts for ever",
      honest: async () => logsIn(submission, ca),
      attack: async () => guessing(submission, ca),
    },
  ];
  console.log("".padEnd(62) + ["quiet ms", "attack ms", "ratio", "done"].map(right).join(""));
  let isHeld = true;
  for (const scene of scenes) isHeld = (await row(scene)) && isHeld;
  console.log(
    `bar: at most ${BAR} times the quiet median, nothing refused: ${isHeld ? "held" : "MISSED"}`,
  );
  return isHeld;
}

const right = (text: string): string => text.padStart(11);

async function row({ what, honest, attack }: Scene): Promise<boolean> {
  await measured(honest, 5);
  const quiet = await measured(honest, TIMES);
  await using running = await attack();
  const attacked = await measured(honest, TIMES);
  const ratio = attacked.medianMs / quiet.medianMs;
  const figures = [quiet.medianMs.toFixed(1), attacked.medianMs.toFixed(1), ratio.toFixed(2)];
  const share = `${String(Math.round((100 * attacked.done) / TIMES))} %`;
  console.log(what.padEnd(62) + [...figures, share].map(right).join(""));
  console.log(`  ${running.said}`);
  return ratio <= BAR && attacked.done === TIMES;
}

async function measured(
  work: () => Promise<boolean>,
  times: number,
): Promise<{ readonly medianMs: number; readonly done: number }> {
  const took: number[] = [];
  let done = 0;
  for (let at = 0; at < times; at += 1) {
    const start = performance.now();
    if (await work().catch(() => false)) done += 1;
    took.push(performance.now() - start);
  }
  return { medianMs: took.toSorted((a, b) => a - b)[times >> 1] ?? 0, done };
}

async function looksUp({ host, port }: Place, ca: string): Promise<boolean> {
  const path = `/pks/lookup?op=get&search=${encodeURIComponent(READER)}`;
  const asking = request({ host, port, path, ca, servername: NAME, agent: false });
  asking.end();
  const [response] = (await once(asking, "response", {
    signal: AbortSignal.timeout(10 * SECOND),
  })) as [{ readonly statusCode?: number; readonly resume: () => unknown }];
  response.resume();
  return response.statusCode === 200;
}

async function logsIn(place: Place, ca: string): Promise<boolean> {
  await using client = await RawSmtp.connect(place, { ca, serverName: NAME });
  await client.ask("EHLO c.test");
  const token = Buffer.from(`\0${READER}\0${PASSWORD}`).toString("base64");
  return (await client.ask(`AUTH PLAIN ${token}`)).startsWith("235");
}

/** Connections that say nothing, as many as are let in, and opened again when they are closed. */
async function silent(place: Place, networks: readonly string[], each: number): Promise<Attack> {
  const sockets = new Set<Socket>();
  const state = { isOver: false, opened: 0 };
  const open = (localAddress: string): void => {
    if (state.isOver) return;
    const socket = connect({ ...place, localAddress });
    state.opened += 1;
    sockets.add(socket);
    socket.resume();
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      setTimeout(open, AGAIN_MS, localAddress).unref();
    });
  };
  for (const network of networks) {
    for (let at = 0; at < each; at += 1) open(`${network}.${String((at % 250) + 1)}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 2 * SECOND));
  return {
    get said() {
      return `${String(state.opened)} connections were tried, ${String(sockets.size)} are open`;
    },
    [Symbol.asyncDispose]: async () => {
      state.isOver = true;
      for (const socket of sockets) socket.destroy();
      return Promise.resolve();
    },
  };
}

/** Ten clients of one network, each of which tries one new account after the other. */
async function guessing(place: Place, ca: string): Promise<Attack> {
  const state = { isOver: false, guesses: 0 };
  const guess = async (at: number): Promise<void> => {
    while (!state.isOver) {
      const socket = connectTls({
        ...place,
        ca,
        servername: NAME,
        localAddress: `127.0.13.${String(at)}`,
      } as never);
      socket.on("error", () => undefined);
      const lines = ["EHLO guess.test"];
      for (let tried = 0; tried < 3; tried += 1) {
        state.guesses += 1;
        const name = `nobody${String(state.guesses)}@alpha.test`;
        lines.push(`AUTH PLAIN ${Buffer.from(`\0${name}\0guess`).toString("base64")}`);
      }
      await once(socket, "data").catch(() => undefined);
      for (const line of lines) {
        if (socket.destroyed) break;
        socket.write(`${line}\r\n`);
        await Promise.race([once(socket, "data"), once(socket, "close")]).catch(() => undefined);
      }
      socket.destroy();
    }
  };
  const all = Array.from({ length: 10 }, (_, at) => guess(at + 1));
  await new Promise((resolve) => setTimeout(resolve, 3 * SECOND));
  return {
    get said() {
      return `${String(state.guesses)} guesses so far`;
    },
    [Symbol.asyncDispose]: async () => {
      state.isOver = true;
      await Promise.race([
        Promise.all(all),
        new Promise((resolve) => setTimeout(resolve, 5 * SECOND)),
      ]);
    },
  };
}
