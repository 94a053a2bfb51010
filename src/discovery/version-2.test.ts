import assert from "node:assert/strict";
import { test } from "node:test";

import { armoredText } from "../../test/support/armored-text.ts";
import {
  DOWN,
  bob,
  http,
  key,
  makeCertificates,
  setUp,
} from "../../test/support/discovery-world.ts";
import { HOUR, systemClock } from "../base/time.ts";
import type { GetResult } from "../fetch/request.ts";
import { generateKey } from "../openpgp/keys/generate.ts";

const { bobs, revoked } = await makeCertificates();
const { certificate: modern } = await generateKey({
  address: bob,
  profile: "modern",
  now: systemClock.now(),
});

const V1 = "/pks/lookup?op=get&options=mr&exact=on&search=bob%40beta.test";
const V2 = "/pks/v2/canonical/bob%40beta.test";

/** A keyserver that answers each version in its own way. */
async function asked(first: GetResult, second: GetResult) {
  const { discover, world, requests } = await setUp(bobs);
  world.get = async ({ path }) => (path.startsWith("/pks/v2/") ? second : first);
  const discovery = await discover(bob);
  return { discovery, paths: requests.map(({ path }) => path), requests };
}

test("a version 6 key that version 1 does not give is found in version 2, at the same target", async () => {
  const { discovery, paths, requests } = await asked(http(404), http(200, modern.bytes));
  assert(discovery.kind === "found");
  assert.equal(discovery.certificate.fingerprint, modern.fingerprint);
  assert.equal(discovery.certificate.version, 6);
  assert.deepEqual(paths, [V1, V2]);
  const [first, second] = requests;
  assert.equal(second?.host, first?.host);
  assert.equal(second?.port, first?.port);
  assert.deepEqual(second?.alsoNamed, first?.alsoNamed);
  assert.match(second?.accept ?? "", /^application\/pgp,/);
});

test("version 2 is not asked where version 1 has answered", async () => {
  for (const first of [key(bobs), key(revoked), http(500), DOWN]) {
    const { paths } = await asked(first, http(404));
    assert.deepEqual(paths, [V1]);
  }
});

for (const status of [404, 410, 501, 400, 403, 405]) {
  test(`nothing in version 1 and ${String(status)} in version 2 is a proven absence`, async () => {
    for (const first of [404, 410]) {
      const { discovery } = await asked(http(first), http(status));
      assert.equal(`${discovery.kind} ${discovery.code}`, "absent NOKEY");
    }
  });
}

const UNSURE: readonly (readonly [string, () => GetResult])[] = [
  ["a time-out", () => DOWN],
  ...[204, 301, 401, 406, 408, 421, 429, 500, 502, 503, 504].map(
    (status) => [String(status), () => http(status)] as const,
  ),
  ["an empty answer", () => http(200)],
  ["a web page", () => http(200, "<html>")],
  ["a cut certificate", () => http(200, modern.bytes.subarray(0, 80))],
  ["a cut armor", () => http(200, armoredText(modern).slice(0, 300))],
];
for (const [what, second] of UNSURE) {
  test(`nothing in version 1 and ${what} in version 2 is no proof of absence`, async () => {
    const { discovery } = await asked(http(404), second());
    assert.equal(`${discovery.kind} ${discovery.code}`, "unreachable UNSURE-KS");
  });
}

test("a version 6 fingerprint is asked for in version 2 at once, and a version 4 one in version 1 alone", async () => {
  const { askAuthorKey, world, requests, clock } = await setUp(bobs);
  world.get = async () => http(200, modern.bytes);
  const found = await askAuthorKey(bob, modern.fingerprint, clock.now());
  assert(found.kind === "found" && found.certificate.fingerprint === modern.fingerprint);
  assert.deepEqual(
    requests.map(({ path }) => path),
    [`/pks/v2/certs/by-vfingerprint/06/${modern.fingerprint}`],
  );
  world.get = async () => http(404);
  assert.equal((await askAuthorKey(bob, bobs.fingerprint, clock.now())).kind, "absent");
  assert.equal(requests.length, 2);
  for (const [status, kind] of [
    [404, "absent"],
    [501, "absent"],
    [400, "absent"],
    [429, "unreachable"],
    [503, "unreachable"],
  ] as const) {
    clock.advance(8 * 24 * HOUR);
    world.get = async () => http(status);
    const [subkey] = modern.subkeyFingerprints;
    assert(subkey !== undefined);
    assert.equal((await askAuthorKey(bob, subkey, clock.now())).kind, kind, String(status));
  }
});
