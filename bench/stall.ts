/**
 * `npm run bench -- stall`: a serving process under mail of 35 MB of every kind, two at a time, beside small mail. How long
 * its event loop is held at a time, apart from database calls; how long small mail takes; and the most memory it holds.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startSink } from "../lab/sink.ts";
import type { Place } from "../lab/world.ts";
import { deliverTo, makeLoneServer, PASSWORD, READER } from "../test/support/lone-server.ts";
import { LARGE_INPUTS } from "../test/support/large-input.ts";
import { connectClient } from "../test/support/mail-client.ts";
import { RawSmtp } from "../test/support/raw-smtp.ts";
import {
  ownKey,
  RECEIVED_OCTETS,
  signedInClear,
  SUBMITTED_OCTETS,
  withAttachment,
} from "./stall/mail.ts";
import { FILE_VARIABLE, type Stalls } from "./stall/probe.ts";

const NAME = "mail.alpha.test";
const BAR_MS = 50;
const BAR_MB = 300;
/** How many large messages are on their way at a time. */
const AT_ONCE = 2;
const ROUNDS = 3;
const EACH_SMALL_MS = 100;

/** Prints the longest turns and the memory; false when a bar is missed. */
export async function run(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-stall-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const sink = ends.use(await startSink({ host: "127.0.0.1", dir: join(dir, "sink") }));
  const any = { host: "127.0.0.1", port: 0 };
  const server = await makeLoneServer(
    dir,
    { engine: "sqlite", path: join(dir, "sealpost.db") },
    {
      listen: { submission: any, lmtp: any, keyserver: any, metrics: any },
      relay: { host: sink.host, port: sink.port },
      limits: { pending_bytes: 2_000_000_000 },
    },
  );
  const stalls = join(dir, "stalls.json");
  const gateway = ends.use(
    await server.serve("gateway", {
      NODE_OPTIONS: `--import=${join(import.meta.dirname, "stall/probe.ts")}`,
      [FILE_VARIABLE]: stalls,
    }),
  );
  const ca = join(dir, "pki/ca.pem");
  const [lmtp, submission] = [gateway.place("lmtp"), gateway.place("submission")];
  const submit = async (octets: number): Promise<void> => {
    using client = await connectClient({
      place: submission,
      serverName: NAME,
      ca,
      account: { address: READER, password: PASSWORD } as never,
    });
    const sent = await client.send(READER, withAttachment(octets, "sealed"));
    if (sent.kind === "refused") throw new Error(sent.reply);
  };
  for (let at = 0; at < 5; at += 1) await deliverTo(lmtp, `<warm${String(at)}@stall.test>`);
  // All threads of the pool are there, as they are in a server that has been at work.
  await Promise.all(Array.from({ length: 8 }, async () => submit(100_000)));
  await writeFile(stalls, "");
  const idleMb = await memoryMb(gateway.process.pid, "VmRSS");

  const key = await ownKey(server.config);
  await submit(SUBMITTED_OCTETS);
  const sealed = (await sink.received()).at(-1)?.message ?? new Uint8Array();
  const signed = await signedInClear(RECEIVED_OCTETS, key);
  const clear = withAttachment(RECEIVED_OCTETS, "in clear");
  const kinds: readonly (readonly [name: string, work: () => Promise<void>])[] = [
    ["submitted and sealed", async () => submit(SUBMITTED_OCTETS)],
    ["received sealed", async () => receive(lmtp, sealed)],
    ["received in clear", async () => receive(lmtp, clear)],
    ["received signed in clear", async () => receive(lmtp, signed)],
    ...LARGE_INPUTS.map(
      ({ name, bytes }) => [`received: ${name}`, async () => receive(lmtp, bytes())] as const,
    ),
  ];
  const wanted = process.env["STALL_ONLY"];
  const work = kinds.filter(([name]) => wanted === undefined || name.includes(wanted));
  const small = startSmall(lmtp);
  for (const [name, act] of work) {
    const before = performance.now();
    const rounds = name.startsWith("received: ") ? 1 : ROUNDS;
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(Array.from({ length: AT_ONCE }, act));
    }
    await sleep(300);
    const { worst } = await read(stalls);
    const peak = await memoryMb(gateway.process.pid, "VmHWM");
    console.log(
      `${name.padEnd(45)} ${String(Math.round((performance.now() - before) / rounds)).padStart(6)} ms; worst so far ${String(Math.round(worst[0]?.ownMs ?? 0))} ms; peak ${String(peak)} MB`,
    );
  }
  await sleep(3000);
  const took = await small();
  const { worst, turns } = await read(stalls);
  const peakMb = await memoryMb(gateway.process.pid, "VmHWM");
  const longest = worst.slice(0, 10).map(({ ownMs }) => ownMs.toFixed(0));
  console.log(`idle ${String(idleMb)} MB, at most ${String(peakMb)} MB; ${String(turns)} turns`);
  console.log(`the longest, ms apart from database calls: ${longest.join(" ")}`);
  console.log(
    `small mail beside it: ${String(took.count)}, median ${took.medianMs.toFixed(0)} ms, slowest ${took.maxMs.toFixed(0)} ms, refused ${String(took.refused)}`,
  );
  const isHeld = (worst[0]?.ownMs ?? 0) <= BAR_MS && peakMb - idleMb <= BAR_MB;
  console.log(
    `bars: ${String(BAR_MS)} ms, ${String(BAR_MB)} MB above idle: ${isHeld ? "held" : "MISSED"}`,
  );
  return isHeld;
}

/** The file is written while it is read, now and then. */
async function read(file: string): Promise<Stalls> {
  for (;;) {
    try {
      return JSON.parse(await readFile(file, "utf8")) as Stalls;
    } catch {
      await sleep(10);
    }
  }
}

async function memoryMb(pid: number, line: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, "utf8");
  return Math.round(Number(new RegExp(`${line}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
}

/** Delivers by LMTP; what the message is refused for is as good as taking it. */
async function receive(lmtp: Place, message: Uint8Array): Promise<void> {
  await using client = await RawSmtp.connect(lmtp);
  await client.all([
    "LHLO relay.test",
    "MAIL FROM:<sender@beta.test>",
    `RCPT TO:<${READER}>`,
    "DATA",
  ]);
  client.write(dotStuffed(message));
  const reply = await client.ask("\r\n.");
  if (!/^[25]/.test(reply)) throw new Error(reply);
}

function dotStuffed(message: Uint8Array): Buffer {
  const text = Buffer.from(message);
  return text.includes("\r\n.")
    ? Buffer.from(text.toString("latin1").replaceAll("\r\n.", "\r\n.."), "latin1")
    : text;
}

type Small = {
  readonly count: number;
  readonly medianMs: number;
  readonly maxMs: number;
  readonly refused: number;
};

/** Small mail, one after the other; ends when the result is asked for. */
function startSmall(lmtp: Place): () => Promise<Small> {
  const state = { isOver: false };
  const took: number[] = [];
  let refused = 0;
  const running = (async () => {
    for (let at = 0; !state.isOver; at += 1) {
      const start = performance.now();
      const reply = await deliverTo(lmtp, `<small${String(at)}@stall.test>`);
      if (!reply.startsWith("250")) refused += 1;
      took.push(performance.now() - start);
      await sleep(EACH_SMALL_MS);
    }
  })();
  return async () => {
    state.isOver = true;
    await running;
    const sorted = took.toSorted((a, b) => a - b);
    return {
      count: sorted.length,
      medianMs: sorted[sorted.length >> 1] ?? 0,
      maxMs: sorted.at(-1) ?? 0,
      refused,
    };
  };
}
