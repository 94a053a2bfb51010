/** An installation as the doctor sees it, whose DNS, network and database say what a test wants. */
import assert from "node:assert/strict";
import { DAY, after } from "../../src/base/time.ts";
import type { Inspected, Signature } from "../../src/dns/answer.ts";
import type { MxRecord, TlsaRecord } from "../../src/dns/inspector.ts";
import type { DnssecState, SrvRecord } from "../../src/dns/dns.ts";
import { type Judgement } from "../../src/doctor/finding.ts";
import { type Check, type DoctorDeps, type Visit, visit } from "../../src/doctor/visit.ts";
import type { Get, GetResult } from "../../src/fetch/request.ts";
import type { TlsView } from "../../src/fetch/probe.ts";
import { type Domain, parseDomain } from "../../src/mail/address.ts";
import { fakeClock } from "./clock.ts";
import { http } from "./discovery-world.ts";

export const now = fakeClock().now();
export const ADDRESS = "192.0.2.2";
export const KEYS = "keys.alpha.test";

export function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert(parsed);
  return parsed;
}

type Came = { readonly aliases?: readonly string[]; readonly signatures?: readonly Signature[] };

export function answered<T>(
  records: readonly T[],
  dnssec: DnssecState = "secure",
  came: Came = {},
): Inspected<T> {
  const answer = { kind: "answer", records, dnssec, ttlSeconds: 60, ede: [] } as const;
  return { answer, aliases: [], signatures: [], ...came };
}

export function empty(dnssec: DnssecState = "secure"): Inspected<never> {
  return {
    answer: { kind: "empty", dnssec, ttlSeconds: 60, ede: [] },
    aliases: [],
    signatures: [],
  };
}

export function silent(...ede: readonly number[]): Inspected<never> {
  const answer = { kind: "indeterminate", reason: "SERVFAIL", ede } as const;
  return { answer, aliases: [], signatures: [] };
}

export function srv(target = KEYS, port = 443): SrvRecord {
  return { priority: 0, weight: 0, port, target };
}

export function signed(owner: string, days: number, covers = "SRV"): Signature {
  const validUntil = after(now, days * DAY);
  return { owner, covers, signer: "alpha.test", validFrom: after(now, -DAY), validUntil };
}

export function seen(change: Partial<Extract<TlsView, { kind: "seen" }>> = {}): TlsView {
  return {
    kind: "seen",
    address: ADDRESS,
    isNamed: (host) => host === KEYS,
    names: KEYS,
    validUntil: after(now, 90 * DAY),
    distrust: undefined,
    spkiSha256: Buffer.alloc(32, 7),
    ...change,
  };
}

/** What is asked for, by name; what is not there is absent. */
export type DoctorWorld = {
  readonly srv: Readonly<Record<string, Inspected<SrvRecord>>>;
  readonly addresses: Readonly<Record<string, Inspected<string>>>;
  readonly tlsa: Readonly<Record<string, Inspected<TlsaRecord>>>;
  readonly mx: Readonly<Record<string, Inspected<MxRecord>>>;
  readonly openpgpkey: Readonly<Record<string, Inspected<Uint8Array>>>;
  readonly tls: readonly TlsView[] | string;
  readonly get: Get;
  /** Answers to what is no look-up: POST, and the question for the time. */
  readonly other: GetResult;
};

const WELL: DoctorWorld = {
  srv: { "_hkp._tcp.alpha.test": answered([srv()]) },
  addresses: { [KEYS]: answered([ADDRESS]) },
  tlsa: {},
  mx: {},
  openpgpkey: {},
  tls: [seen()],
  get: async () => http(404),
  other: http(405, "", { date: now.toUTCString() }),
};

/** Alpha.test, which is well but for what is changed. */
export function doctorDeps(
  world: Partial<DoctorWorld> = {},
  change: Partial<DoctorDeps> = {},
): DoctorDeps {
  const all = { ...WELL, ...world };
  return {
    clock: { now: () => now },
    resolver: { host: "127.0.0.1", port: 53 },
    testResolver: async () => ({ kind: "passed" }),
    inspector: {
      srv: async (name) => all.srv[name] ?? empty(),
      addresses: async (name) => all.addresses[name] ?? empty(),
      tlsa: async (name) => all.tlsa[name] ?? empty(),
      mx: async (name) => all.mx[name] ?? empty(),
      openpgpkey: async (name) => all.openpgpkey[name] ?? empty(),
    },
    get: all.get,
    probe: { tls: async () => all.tls, request: async () => all.other },
    keyserver: { name: KEYS, port: 443 },
    hostname: "mail.alpha.test",
    takesMx: true,
    hops: [],
    sealedBytes: 1000,
    listeners: [],
    connects: async () => undefined,
    database: { kind: "closed", reason: "not in this test", isTemporary: false },
    serviceKeyFile: "/nonexistent/service.key",
    pendingBytes: 1000,
    accept: async () => ({ kind: "unusable", reason: "not in this test" }),
    revocation: async () => "good",
    ...change,
  };
}

/** What a check of alpha.test comes to. */
export async function judged(
  check: Check<Visit>,
  world: Partial<DoctorWorld> = {},
  change: Partial<DoctorDeps> = {},
): Promise<readonly Judgement[]> {
  return await check.run(await visit(doctorDeps(world, change), domain("alpha.test")));
}

/** The same as lines: result, title and what to do. */
export async function lines(
  check: Check<Visit>,
  world: Partial<DoctorWorld> = {},
  change: Partial<DoctorDeps> = {},
): Promise<string> {
  return (await judged(check, world, change))
    .map(({ result, title, reason, todo }) => `${result} ${title} (${reason ?? ""}) -> ${todo}`)
    .join("\n");
}
