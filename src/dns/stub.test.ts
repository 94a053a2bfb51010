import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { type LabDns, startDns } from "../../lab/dns.ts";
import { faultZones } from "../../lab/fault-zones.ts";
import { type LabZones, buildZones } from "../../lab/zones.ts";
import { udpServer } from "../../test/support/udp-dns.ts";
import { query } from "./query.ts";
import { testResolver } from "./self-test.ts";
import { classifyHkp } from "./service-class.ts";
import { stubResolver } from "./stub.ts";

const address = "127.0.0.2";
let dir = "";
let zones: LabZones;
let dns: LabDns;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-stub-"));
  zones = await buildZones({
    dir,
    providers: [
      { domain: "alpha.test", address, keyserverPort: 8443 },
      { domain: "beta.test", address: "127.0.0.3", keyserverPort: 8443 },
    ],
    extra: faultZones({ address, port: 8443, closedPort: 1 }),
  });
  dns = await startDns({ zones });
});

afterAll(async () => {
  await dns[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const trusted = { timeoutMs: 5000, isTrusted: () => true };
const classOf = async (domain: string) =>
  classifyHkp(await stubResolver({ ...dns.resolver, ...trusted }).srv(`_hkp._tcp.${domain}`));

const EXPECTED = {
  "alpha.test": "SECURE_SRV",
  "nsec3.test": "SECURE_SRV",
  "alias.faults.test": "SECURE_SRV",
  "dotted.faults.test": "SECURE_SRV",
  "many.faults.test": "SECURE_SRV",
  "nosrv.test": "NO_SERVICE",
  "nosuch.test": "NO_SERVICE",
  nosuchtop: "NO_SERVICE",
  "nosuch.alpha.test": "NO_SERVICE",
  "nosuch.nsec3.test": "NO_SERVICE",
  "mail.alpha.test": "NO_SERVICE",
  "sub.legacy.test": "NO_SERVICE_INSECURE",
  "child.optout.test": "NO_SERVICE_INSECURE",
  "nosuch.optout.test": "NO_SERVICE_INSECURE",
  "legacy.test": "INSECURE_SRV",
  "crossinsec.faults.test": "INSECURE_SRV",
  "bogus.test": "INDETERMINATE",
  "expired.test": "INDETERMINATE",
  "stripped.test": "INDETERMINATE",
  "badds.test": "INDETERMINATE",
  "crossbogus.faults.test": "INDETERMINATE",
  "circle.faults.test": "INDETERMINATE",
} as const;

for (const [domain, expected] of Object.entries(EXPECTED)) {
  test(`${domain} is ${expected}`, async () => {
    assert.equal((await classOf(domain)).class, expected);
  });
}

test("the evidence names what failed, with the extended error code", async () => {
  // Which code it is depends on what the resolver remembers.
  assert.match((await classOf("expired.test")).evidence, /^INDETERMINATE SERVFAIL \(EDE [679]\)$/);
});

test("twenty records, too many for a packet, come whole over TCP", async () => {
  const answer = await stubResolver({ ...dns.resolver, ...trusted }).srv(
    "_hkp._tcp.many.faults.test",
  );
  assert(answer.kind === "answer");
  assert.equal(answer.records.length, 20);
  // 60 in the zone; the resolver may have kept it for a moment since an earlier question.
  assert(answer.ttlSeconds > 50 && answer.ttlSeconds <= 60, String(answer.ttlSeconds));
});

test("addresses of both families are found, with the target's own state", async () => {
  const resolver = stubResolver({ ...dns.resolver, ...trusted });
  const of = async (name: string) => {
    const answer = await resolver.addresses(name);
    return answer.kind === "answer" ? [answer.dnssec, ...answer.records] : answer.kind;
  };
  assert.deepEqual(await of("keys.alpha.test"), ["secure", "127.0.0.2"]);
  assert.deepEqual(await of("loopback6.faults.test"), ["secure", "::1"]);
  assert.deepEqual(await of("keys.legacy.test"), ["insecure", "127.0.0.4"]);
  assert.equal(await of("nosuch.alpha.test"), "empty");
  assert.equal(await of("keys.bogus.test"), "indeterminate");
});

test("a resolver that is down is no answer", async () => {
  const resolver = stubResolver({ host: "127.0.0.1", port: 1, ...trusted });
  assert.equal((await resolver.srv("_hkp._tcp.alpha.test")).kind, "indeterminate");
});

test("a resolver that does not reply is no answer, in the time given", async () => {
  await using silent = await udpServer(() => []);
  const resolver = stubResolver({ ...silent.at, timeoutMs: 100, isTrusted: () => true });
  assert.deepEqual(await resolver.srv("_hkp._tcp.alpha.test"), {
    kind: "indeterminate",
    reason: "no reply in time",
    ede: [],
  });
});

test("an authority that is down is no answer, and the caller may stop waiting", async () => {
  const resolver = stubResolver({ ...dns.resolver, ...trusted });
  const answer = await resolver.srv("_hkp._tcp.alpha.test", AbortSignal.abort());
  assert.equal(answer.kind, "indeterminate");
});

test("TCP that is dropped after a cut packet is no answer", async () => {
  await using server = await udpServer((message) => [reply(message, { isTruncated: true })]);
  const resolver = stubResolver({ ...server.at, timeoutMs: 300, isTrusted: () => true });
  assert.equal((await resolver.srv("_hkp._tcp.alpha.test")).kind, "indeterminate");
});

test("replies with another id, another question, or that are no replies are ignored", async () => {
  await using server = await udpServer((message) => [
    reply(message, { id: 1 }),
    reply(message, { name: "_hkp._tcp.evil.test" }),
    message,
    Buffer.from("x"),
    reply(message, { isAuthentic: true }),
  ]);
  const resolver = stubResolver({ ...server.at, ...trusted });
  const answer = await resolver.srv("_hkp._tcp.alpha.test");
  assert(answer.kind === "empty" && answer.dnssec === "secure");
});

test("a reply that cannot be read is no answer", async () => {
  await using server = await udpServer((message) => [
    Buffer.concat([message.subarray(0, 2), Buffer.from("8180ffffffffffffffffffff", "hex")]),
  ]);
  const resolver = stubResolver({ ...server.at, ...trusted });
  assert.equal((await resolver.srv("_hkp._tcp.alpha.test")).kind, "indeterminate");
});

for (const code of [15, 16, 17, 18]) {
  test(`NXDOMAIN with extended error ${code} is somebody's policy, not an absence`, async () => {
    await using server = await udpServer((message) => [
      reply(message, { rcode: 3, isAuthentic: true, ede: code }),
    ]);
    const resolver = stubResolver({ ...server.at, ...trusted });
    assert.equal((await resolver.srv("_hkp._tcp.alpha.test")).kind, "indeterminate");
  });
}

test("a stale answer counts only when it is proven", async () => {
  const kinds = [];
  for (const isAuthentic of [true, false]) {
    await using server = await udpServer((message) => [
      reply(message, { rcode: 3, isAuthentic, ede: 19 }),
    ]);
    const resolver = stubResolver({ ...server.at, ...trusted });
    kinds.push((await resolver.srv("_hkp._tcp.alpha.test")).kind);
  }
  assert.deepEqual(kinds, ["empty", "indeterminate"]);
});

for (const rcode of [1, 4, 5, 9]) {
  test(`response code ${rcode} is no answer`, async () => {
    await using server = await udpServer((message) => [reply(message, { rcode })]);
    const resolver = stubResolver({ ...server.at, ...trusted });
    assert.equal((await resolver.srv("_hkp._tcp.alpha.test")).kind, "indeterminate");
  });
}

test("while the self-test fails everything is indeterminate", async () => {
  const resolver = stubResolver({ ...dns.resolver, timeoutMs: 5000, isTrusted: () => false });
  assert.equal((await resolver.srv("_hkp._tcp.alpha.test")).kind, "indeterminate");
  assert.equal((await resolver.addresses("keys.alpha.test")).kind, "indeterminate");
});

test("a resolver on another host is refused unless its path is vouched for", () => {
  for (const host of ["192.0.2.1", "2001:db8::1", "localhost", "::ffff:127.0.0.1x"]) {
    assert.throws(() => stubResolver({ host, port: 53, ...trusted }), /not on this host/);
  }
  stubResolver({ host: "192.0.2.1", port: 53, ...trusted, isPathTrusted: true });
});

test("the self-test passes at a validating resolver, whose forged name fails", async () => {
  assert.deepEqual(await testResolver({ ...dns.resolver, bogusName: "bogus.test" }), {
    kind: "passed",
  });
});

test("the self-test sees a resolver that refuses nothing, proves nothing, or is down", async () => {
  const reasonOf = async (options: Parameters<typeof testResolver>[0]) => {
    const result = await testResolver(options);
    return result.kind === "failed" ? result.reason : "";
  };
  assert.match(await reasonOf({ ...dns.resolver, bogusName: "alpha.test" }), /forged/);
  assert.match(await reasonOf({ ...dns.resolver, signedName: "legacy.test" }), /signed/);
  assert.match(await reasonOf(dns.authority), /signed/);
  assert.notEqual(await reasonOf({ host: "127.0.0.1", port: 1 }), "");
});

test("a resolver that does not validate fails the self-test and hides what is forged", async () => {
  await using blind = await startDns({ zones, isValidating: false });
  const result = await testResolver(blind.resolver);
  assert.equal(result.kind, "failed");
  // Why the test is needed: such a resolver takes the forged zone for an unsigned one.
  const reply = await query(
    blind.resolver,
    "_hkp._tcp.bogus.test",
    "SRV",
    AbortSignal.timeout(5000),
  );
  assert.equal(reply.rcode, "NOERROR");
  assert.equal(reply.isAuthentic, false);
});

type ReplyChanges = {
  readonly id?: number;
  readonly name?: string;
  readonly rcode?: number;
  readonly isTruncated?: boolean;
  readonly isAuthentic?: boolean;
  readonly ede?: number;
};

/** The SOA record of the root, as binary. */
const SOA = Buffer.from(`00000600010000003c0016${"00".repeat(22)}`, "hex");

/** A reply without an answer to a query of ours, made by hand so that it can be wrong; a proven one names its zone. */
function reply(message: Buffer, changes: ReplyChanges): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(changes.id ?? message.readUInt16BE(0), 0);
  const flags =
    0x8180 |
    (changes.rcode ?? 0) |
    (changes.isTruncated === true ? 0x0200 : 0) |
    (changes.isAuthentic === true ? 0x0020 : 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  const zone = changes.isAuthentic === true ? SOA : Buffer.alloc(0);
  header.writeUInt16BE(zone.length > 0 ? 1 : 0, 8);
  header.writeUInt16BE(changes.ede === undefined ? 0 : 1, 10);
  const end = message.indexOf(0, 12) + 5;
  const name = changes.name?.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  const question =
    name === undefined ? message.subarray(12, end) : Buffer.from([...name, 0, 0, 33, 0, 1]);
  const option = Buffer.from("0000290400000080000006000f00020000", "hex");
  if (changes.ede === undefined) return Buffer.concat([header, question, zone]);
  option.writeUInt16BE(changes.ede, option.length - 2);
  return Buffer.concat([header, question, zone, option]);
}
