/** Discovery on a real database, over a DNS and a keyserver that say what a test wants. */
import assert from "node:assert/strict";
import { DAY, after } from "../../src/base/time.ts";
import { makeDiscover } from "../../src/discovery/discovery.ts";
import type { DnsAnswer, Resolver, SrvRecord } from "../../src/dns/dns.ts";
import type { Get, GetRequest, GetResult } from "../../src/fetch/request.ts";
import { type EmailAddress, parseAddress } from "../../src/mail/address.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { revokeFresh } from "../../src/openpgp/keys/revocation.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { armoredText } from "./armored-text.ts";
import { fakeClock } from "./clock.ts";
import type { OpenStore } from "./engines.ts";

export const start = fakeClock().now();
export const bob = address("bob@beta.test");

export function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

/** Bob's certificate, an expired and a revoked one of his, and somebody else's. */
export async function makeCertificates() {
  const made = (of: EmailAddress, now: Date) =>
    generateKey({ address: of, profile: "compat", now });
  const [key, eva, old] = await Promise.all([
    made(bob, start),
    made(address("eva@evil.test"), start),
    made(bob, after(start, -4 * 366 * DAY)),
  ]);
  using unlocked = await readSecretKey(key.secretKey);
  const revoked = await revokeFresh({ key: unlocked, reasonCode: 2, text: "lost", now: start });
  return {
    bobs: key.certificate,
    evas: eva.certificate,
    expired: old.certificate,
    revoked,
  };
}

type Found = Extract<DnsAnswer<SrvRecord>, { kind: "answer" }>;

/** Answers of the DNS. */
export const SECURE: Found = {
  kind: "answer",
  records: [{ priority: 0, weight: 0, port: 443, target: "keys.beta.test" }],
  dnssec: "secure",
  ttlSeconds: 60,
  ede: [],
};
export const INSECURE: Found = { ...SECURE, dnssec: "insecure" };
export const ABSENT: DnsAnswer<SrvRecord> = {
  kind: "empty",
  dnssec: "secure",
  ttlSeconds: 60,
  ede: [],
};
export const UNPROVEN: DnsAnswer<SrvRecord> = { ...ABSENT, dnssec: "insecure" };
export const SILENT: DnsAnswer<SrvRecord> = { kind: "indeterminate", reason: "SERVFAIL", ede: [6] };
export const DOWN: GetResult = { kind: "failed", reason: "connection refused" };

/** An answer of a keyserver. */
export function http(
  status: number,
  body: string | Uint8Array = "",
  headers: Readonly<Record<string, string>> = {},
): GetResult {
  return {
    kind: "response",
    status,
    headers: new Map(Object.entries(headers)),
    body: Buffer.from(body),
  };
}

/** An answer that holds certificates. */
export const key = (...certificates: readonly Certificate[]) =>
  http(200, certificates.map(armoredText).join("\n"));

async function inMemory(): Promise<Store> {
  const store = await openStore({ engine: "sqlite", path: ":memory:" });
  await migrate(store);
  return store;
}

export type World = { srv: DnsAnswer<SrvRecord>; get: Get; ours: Certificate | undefined };

/** Alpha.test is ours; beta.test has a proven keyserver that gives `certificate`, until `world` is changed. */
export async function setUp(certificate: Certificate, open: OpenStore = inMemory) {
  const clock = fakeClock();
  const store = await open();
  const requests: GetRequest[] = [];
  const world: World = { srv: SECURE, get: async () => key(certificate), ours: undefined };
  const resolver: Resolver = {
    srv: async (name) => {
      assert.equal(name, "_hkp._tcp.beta.test");
      return world.srv;
    },
    addresses: () => Promise.reject(new Error("not asked here")),
  };
  const deps = {
    store,
    clock,
    resolver,
    get: async (request: GetRequest) => {
      requests.push(request);
      return await world.get(request);
    },
    isLocal: (domain: string) => domain === "alpha.test",
    local: async () => world.ours,
    random: () => 0,
    monotonicMs: () => 0,
  };
  return { clock, store, world, requests, deps, ...makeDiscover(deps) };
}
