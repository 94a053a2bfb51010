/** The scenes with one server that asks nobody: connections and logins. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import type { Place } from "../../lab/world.ts";
import { SECOND } from "../../src/base/time.ts";
import { deliverTo, makeLoneServer, READER } from "../../test/support/lone-server.ts";
import { holding } from "./connections.ts";
import { guessing, logsIn, NAME } from "./logins.ts";
import type { Scene } from "./scene.ts";

/** Honest pieces of work, quiet and under each attack. */
const TIMES = 25;

export type LoneScenes = AsyncDisposable & { readonly scenes: readonly Scene[] };

export async function loneScenes(dir: string): Promise<LoneScenes> {
  await using starting = new AsyncDisposableStack();
  const any = { host: "127.0.0.1", port: 0 };
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const server = await makeLoneServer(dir, database, {
    listen: { submission: any, lmtp: any, keyserver: any },
    // All of this comes over loopback, and is to count as strangers' networks.
    limits: { trusted_networks: [] },
    keyserver: { trusted_networks: [] },
  });
  const gateway = starting.use(await server.serve("gateway"));
  const keyserver = starting.use(await server.serve("keyserver"));
  const ca = await readFile(join(dir, "pki/ca.pem"), "utf8");
  const places = [
    gateway.place("lmtp"),
    gateway.place("submission"),
    keyserver.place("https"),
  ] as const;
  const scenes = scenesAt(...places, ca);
  const started = starting.move();
  return { scenes, [Symbol.asyncDispose]: async () => started.disposeAsync() };
}

function scenesAt(lmtp: Place, submission: Place, keys: Place, ca: string): readonly Scene[] {
  let count = 0;
  const delivers = async (): Promise<boolean> =>
    (await deliverTo(lmtp, `<${String((count += 1))}@strangers.test>`)).startsWith("250");
  const login = async (): Promise<boolean> => logsIn(submission, ca);
  return [
    {
      what: "mail in; 1,200 silent connections of two networks",
      times: TIMES,
      honest: delivers,
      attack: async () =>
        holding({ place: lmtp, networks: ["127.0.9", "127.0.10"], each: 600, talk: "nothing" }),
    },
    {
      what: "mail in; 800 connections of eight networks that drip a message",
      times: TIMES,
      honest: delivers,
      attack: async () =>
        holding({
          place: lmtp,
          networks: numbered(8, (at) => `127.0.${String(at + 40)}`),
          each: 100,
          talk: "drips",
        }),
    },
    {
      what: "keyserver; 4,000 silent connections of two networks",
      times: TIMES,
      honest: async () => looksUp(keys, ca),
      attack: async () =>
        holding({ place: keys, networks: ["127.0.11", "127.0.12"], each: 2000, talk: "nothing" }),
    },
    {
      what: "login; ten connections that guess new accounts for ever",
      times: TIMES,
      honest: login,
      attack: async () =>
        guessing(
          submission,
          ca,
          numbered(10, (at) => `127.0.13.${String(at)}`),
        ),
    },
    {
      what: "login; 250 networks that guess new accounts, one connection each",
      times: TIMES,
      honest: login,
      attack: async () =>
        guessing(
          submission,
          ca,
          numbered(250, (at) => `127.1.${String(at)}.1`),
        ),
    },
  ];
}

function numbered(count: number, make: (at: number) => string): readonly string[] {
  return Array.from({ length: count }, (_, at) => make(at + 1));
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
