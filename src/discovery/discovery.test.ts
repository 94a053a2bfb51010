import assert from "node:assert/strict";

import { idOf } from "../../test/support/accounts.ts";
import { armoredText } from "../../test/support/armored-text.ts";
import {
  ABSENT,
  DOWN,
  INSECURE,
  SECURE,
  SILENT,
  UNPROVEN,
  address,
  bob,
  http,
  key,
  makeCertificates,
  setUp,
  start,
} from "../../test/support/discovery-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { HOUR } from "../base/time.ts";
import type { DnsAnswer, SrvRecord } from "../dns/dns.ts";
import type { GetResult } from "../fetch/request.ts";
import { parseFingerprint } from "../openpgp/packets/fingerprint.ts";
import { saveGenericRevocation } from "../store/keys/generic-revocations.ts";
import { publish, updatePublished } from "../store/keys/publish.ts";

const onBoth = testOnBoth();

const { bobs, evas, expired, revoked } = await makeCertificates();

onBoth(
  "a certificate that the proven keyserver gives is found, and asked for exactly as given",
  async (open) => {
    const { discover, requests } = await setUp(bobs, open);
    const found = await discover(address("Bob+x@BETA.test"));
    assert(found.kind === "found");
    assert.equal(found.code, "OK");
    assert.equal(found.certificate.fingerprint, bobs.fingerprint);
    assert.equal(found.evidence.keyserver, "keys.beta.test:443");
    assert.equal(found.evidence.dns, "SECURE_SRV");
    assert.deepEqual(
      requests.map(({ host, port, path, accept, alsoNamed }) => ({
        host,
        port,
        path,
        accept,
        alsoNamed,
      })),
      [
        {
          host: "keys.beta.test",
          port: 443,
          path: "/pks/lookup?op=get&options=mr&exact=on&search=Bob%2Bx%40beta.test",
          accept: "application/pgp-keys, application/pgp;q=0.9",
          alsoNamed: ["beta.test"],
        },
      ],
    );
  },
);

const DNS_CASES = [
  ["a proven absence", ABSENT, "absent NOSVC"],
  ["an unproven absence", UNPROVEN, "absent NOSVC"],
  ["an unproven record", INSECURE, "absent INSEC"],
  ["no answer from the DNS", SILENT, "unreachable UNSURE-DNS"],
  [
    "the target of no service",
    { ...SECURE, records: [{ priority: 0, weight: 0, port: 0, target: "." }] },
    "absent NOSVC",
  ],
  [
    "targets that cannot be used",
    { ...SECURE, records: [{ priority: 0, weight: 0, port: 443, target: "127.0.0.1" }] },
    "unreachable UNSURE-KS",
  ],
] as const;

for (const [what, srv, expected] of DNS_CASES) {
  onBoth(`${what} comes to ${expected}, and nobody is asked`, async (open) => {
    const { discover, world, requests } = await setUp(bobs, open);
    world.srv = srv;
    const { kind, code } = await discover(bob);
    assert.equal(`${kind} ${code}`, expected);
    assert.equal(requests.length, 0);
  });
}

const KEYSERVER_CASES: readonly [what: string, answer: () => GetResult, expected: string][] = [
  ["404", () => http(404), "absent NOKEY"],
  ["410", () => http(410, "gone"), "absent NOKEY"],
  ...[204, 206, 301, 400, 401, 403, 405, 413, 421, 422, 429, 451, 500, 501, 502, 503, 504].map(
    (status): [string, () => GetResult, string] => [
      `${status}`,
      () => http(status, "not found"),
      "unreachable UNSURE-KS",
    ],
  ),
  ["no answer", () => DOWN, "unreachable UNSURE-KS"],
  ["200 without a body", () => http(200), "unreachable UNSURE-KS"],
  ["200 with blank lines", () => http(200, " \r\n\r\n"), "unreachable UNSURE-KS"],
  ["200 with a web page", () => http(200, "\n<html>no key</html>"), "unreachable UNSURE-KS"],
  ["200 with words", () => http(200, "no keys found"), "unreachable UNSURE-KS"],
  [
    "200 with a cut certificate",
    () => http(200, armoredText(bobs).slice(0, 300)),
    "unreachable UNSURE-KS",
  ],
  ["somebody else's certificate", () => key(evas), "unreachable BADKEY wrong-user-id"],
  ["an expired certificate", () => key(expired), "absent BADKEY expired"],
  ["a revoked certificate", () => key(revoked), "absent BADKEY revoked"],
  [
    "a revoked certificate beside somebody else's",
    () => key(revoked, evas),
    "unreachable BADKEY wrong-user-id",
  ],
  ["a good certificate among others", () => key(evas, expired, bobs), "found OK"],
  ["a certificate in binary", () => http(200, bobs.bytes), "found OK"],
];

for (const [what, answer, expected] of KEYSERVER_CASES) {
  onBoth(`a keyserver's answer of ${what} comes to ${expected}`, async (open) => {
    const { discover, world } = await setUp(bobs, open);
    world.get = async () => answer();
    const discovery = await discover(bob);
    const reason = discovery.code === "BADKEY" ? ` ${discovery.reason}` : "";
    assert.equal(`${discovery.kind} ${discovery.code}${reason}`, expected);
  });
}

onBoth(
  "the next target is asked after a failure, four at most, and none after an answer",
  async (open) => {
    const { discover, world, requests } = await setUp(bobs, open);
    const records = [5, 3, 1, 4, 2].map((priority) => ({
      priority,
      weight: 0,
      port: 443,
      target: `keys${priority}.beta.test`,
    }));
    world.srv = { ...SECURE, records };
    world.get = async ({ host }) => (host === "keys3.beta.test" ? http(404) : DOWN);
    assert.equal((await discover(bob)).code, "NOKEY");
    assert.deepEqual(
      requests.map(({ host }) => host),
      // The third has answered, so that it alone is asked in version 2 too.
      ["keys1.beta.test", "keys2.beta.test", "keys3.beta.test", "keys3.beta.test"],
    );
    world.get = async () => DOWN;
    assert.equal((await discover(address("bea@beta.test"))).code, "UNSURE-KS");
    assert.equal(requests.length, 4 + 4);
  },
);

onBoth("an address of ours is answered from the local keys alone", async (open) => {
  const { discover, world, requests } = await setUp(bobs, open);
  const alice = address("alice@alpha.test");
  assert.equal((await discover(alice)).code, "NOKEY");
  world.ours = bobs;
  assert.equal((await discover(alice)).code, "LOCAL");
  assert.equal(requests.length, 0);
});

onBoth(
  "look-ups of one address at the same time share one request, whose signal is nobody's",
  async (open) => {
    const { discover, world, requests } = await setUp(bobs, open);
    const gate = Promise.withResolvers<GetResult>();
    world.get = () => gate.promise;
    const impatient = discover(bob, { signal: AbortSignal.timeout(1) });
    const patient = [discover(bob), discover(address("BOB@beta.test"))];
    assert.deepEqual(
      [(await impatient).kind, (await impatient).code],
      ["unreachable", "UNSURE-KS"],
    );
    gate.resolve(key(bobs));
    for (const one of await Promise.all(patient)) assert.equal(one.code, "OK");
    assert.equal(requests.length, 1);
  },
);

onBoth("a former key is asked for by fingerprint, at the same domain's keyserver", async (open) => {
  const { askAuthorKey, world, requests } = await setUp(bobs, open);
  world.get = async () => key(expired);
  const former = await askAuthorKey(bob, expired.fingerprint, start);
  assert(former.kind === "found" && former.certificate.fingerprint === expired.fingerprint);
  assert.equal(requests[0]?.path, `/pks/lookup?op=get&options=mr&search=0x${expired.fingerprint}`);
  const [subkey] = expired.subkeyFingerprints;
  assert(subkey !== undefined);
  assert.equal((await askAuthorKey(bob, subkey, start)).kind, "found");
});

onBoth("a former key is absent only when the domain says so", async (open) => {
  const { askAuthorKey, clock, world } = await setUp(bobs, open);
  const kindFor = async (srv: DnsAnswer<SrvRecord>, answer: GetResult) => {
    clock.advance(HOUR);
    world.srv = srv;
    world.get = async () => answer;
    return (await askAuthorKey(bob, expired.fingerprint, clock.now())).kind;
  };
  assert.equal(await kindFor(SECURE, http(404)), "absent");
  assert.equal(await kindFor(ABSENT, DOWN), "absent");
  assert.equal(await kindFor(SECURE, DOWN), "unreachable");
  assert.equal(await kindFor(SILENT, DOWN), "unreachable");
  assert.equal(await kindFor(SECURE, key(bobs)), "unreachable", "an answer for another key");
});

onBoth("a former key of our own domain comes from the database", async (open) => {
  const { askAuthorKey, requests } = await setUp(bobs, open);
  const fingerprint = parseFingerprint("0".repeat(40));
  assert(fingerprint !== undefined);
  const former = await askAuthorKey(address("alice@alpha.test"), fingerprint, start);
  assert.equal(former.kind, "absent");
  assert.equal(requests.length, 0);
});

onBoth(
  "a former key of our own domain that ended without a revocation counts until then",
  async (open) => {
    const { askAuthorKey, knownAuthorKey, store, clock } = await setUp(bobs, open);
    const alice = address("alice@alpha.test");
    const { fingerprint, version, bytes, created: createdAt } = bobs;
    const none = { version: 1, wrapped: new Uint8Array(), serviceKey: "" };
    await saveGenericRevocation(store, {
      ...none,
      fingerprint,
      owner: idOf(alice),
      createdAt,
    });
    const published = {
      fingerprint,
      version,
      bytes,
      createdAt,
      address: alice,
      state: "active",
    } as const;
    await publish(store, published, []);
    const active = await askAuthorKey(alice, fingerprint, start);
    assert(active.kind === "found");
    assert.equal(active.revoked, undefined);
    clock.advance(HOUR);
    const at = clock.now();
    await updatePublished(store, fingerprint, { state: "withdrawn", bytes, revokedAt: at });
    for (const find of [askAuthorKey, knownAuthorKey]) {
      const former = await find(alice, fingerprint, start);
      assert(former.kind === "found");
      assert.deepEqual(former.revoked, { reasonCode: 3, at });
    }
  },
);
