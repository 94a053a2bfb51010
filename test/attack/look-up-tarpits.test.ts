/** Keyservers under many names in one network that take every request and never answer: mail of any author brings them. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makePki, type Pki } from "../../lab/pki.ts";
import { MINUTE, systemClock } from "../../src/base/time.ts";
import type { Resolver } from "../../src/dns/dns.ts";
import { guardedGet } from "../../src/fetch/guarded.ts";
import type { GetRequest } from "../../src/fetch/request.ts";
import { answer, startHostile } from "../support/hostile-https.ts";

let dir: string;
let pki: Pki;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-tarpits-"));
  pki = await makePki(dir);
});
after(async () => {
  await rm(dir, { recursive: true });
});

const HONEST = "keys.honest.test";
const HONEST_ADDRESS = "127.0.21.1";
const TARPIT_ADDRESS = "127.0.20.1";
const NEVER = { firstByteMs: 30 * MINUTE, bodyMs: 30 * MINUTE, totalMs: 30 * MINUTE };

const resolver: Resolver = {
  srv: () => Promise.reject(new Error("not asked here")),
  addresses: async (host) =>
    Promise.resolve({
      kind: "answer",
      records: [host === HONEST ? HONEST_ADDRESS : TARPIT_ADDRESS],
      dnssec: "secure",
      ttlSeconds: 60,
      ede: [],
    }),
};

test("tarpits under 100 names in one network hold up nobody else's look-ups", async () => {
  const tls = await pki.issue(["*.evil.test", HONEST]);
  await using tarpit = await startHostile(TARPIT_ADDRESS, tls, () => undefined);
  await using honest = await startHostile(HONEST_ADDRESS, tls, answer(404));
  const get = guardedGet({
    clock: systemClock,
    resolver,
    ca: pki.ca,
    allowNetworks: ["127.0.0.0/8"],
    ports: [tarpit.port, honest.port],
    limits: NEVER,
  });
  const leaving = new AbortController();
  const ask = (host: string, port: number, signal?: AbortSignal) => {
    const request: GetRequest = { host, port, path: "/", accept: "*/*", isForIncoming: true };
    return get(signal === undefined ? request : { ...request, signal });
  };
  const held = Array.from({ length: 100 }, (_, at) =>
    ask(`keys${at}.evil.test`, tarpit.port, leaving.signal),
  );
  // More than the one network may have, so that what they left would be all that there is.
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(HONEST, honest.port)));
  assert.deepEqual(new Set(answers.map(({ kind }) => kind)), new Set(["response"]));
  leaving.abort();
  await Promise.all(held);
  assert(tarpit.requests.length <= 8, String(tarpit.requests.length));
});
