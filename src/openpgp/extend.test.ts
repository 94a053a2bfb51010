import assert from "node:assert/strict";
import { test } from "node:test";

import { after, DAY, fromUnixMs } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { acceptForEncryption } from "./acceptance.ts";
import { extendExpiry } from "./extend.ts";
import { generateKey, LIFETIME_MS } from "./generate.ts";
import { readSecretKey } from "./secret-key.ts";

const alice = parseAddress("alice@alpha.test");
assert(alice);
const made = fromUnixMs(1_790_000_000_000);

for (const profile of ["compat", "modern"] as const) {
  test(`a ${profile} key lives longer, and is the same key`, async () => {
    const { certificate, secretKey } = await generateKey({ address: alice, profile, now: made });
    using key = await readSecretKey(secretKey);
    const now = after(made, LIFETIME_MS - 10 * DAY);
    const expires = after(now, LIFETIME_MS);
    const extended = await extendExpiry({ key, expires, now });
    using raw = extended.secretKey;
    const later = after(made, LIFETIME_MS + 10 * DAY);
    assert.equal((await acceptForEncryption(certificate, alice, later)).kind, "unusable");
    const accepted = await acceptForEncryption(extended.certificate, alice, later);
    assert(accepted.kind === "acceptable");
    assert.equal(accepted.expires?.getTime(), Math.floor(expires.getTime() / 1000) * 1000);
    assert.equal(extended.certificate.fingerprint, certificate.fingerprint);
    assert.deepEqual(extended.certificate.subkeyFingerprints, certificate.subkeyFingerprints);
    using again = await readSecretKey(raw);
    assert.deepEqual(Buffer.from(again.certificate.bytes), Buffer.from(extended.certificate.bytes));
    // Once more: nothing piles up.
    const twice = await extendExpiry({
      key: again,
      expires: after(expires, DAY),
      now: after(now, DAY),
    });
    using second = twice.secretKey;
    assert.equal(twice.certificate.bytes.length, extended.certificate.bytes.length);
    assert(second.reveal().length > 0);
  });
}
