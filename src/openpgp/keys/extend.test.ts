import assert from "node:assert/strict";
import { test } from "node:test";
import { readKey } from "openpgp";

import { expiresIn, flags, newForge } from "../../../test/support/forge-certificate.ts";
import { readByLibrary } from "../../../test/support/read-by-library.ts";
import {
  ADA,
  NOW,
  USER,
  forgedSecret,
  imported,
  joined,
  kindsOfKeys,
  libraryKey,
  packetsOf,
} from "../../../test/support/secret-keys.ts";
import { AppError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { DAY, HOUR, MINUTE, SECOND, after } from "../../base/time.ts";
import { acceptForEncryption } from "../certificates/acceptance.ts";
import { type Certificate, partsOf } from "../certificates/certificate.ts";
import { certificateConfig } from "../certificates/profile.ts";
import { checkSigner } from "../certificates/signer.ts";
import { decrypt } from "../messages/decrypt.ts";
import { signAndEncrypt } from "../messages/encrypt.ts";
import { TAG } from "../packets/certificate-parts.ts";
import { subpacketsOf } from "../packets/key-signature.ts";
import { extendExpiry } from "./extend.ts";
import { LIFETIME_MS, generateKey } from "./generate.ts";
import { applyRevocation, revokeFresh } from "./revocation.ts";
import { type UnlockedKey, readSecretKey } from "./secret-key.ts";

const MADE = after(NOW, -100 * DAY);
const EXPIRES = after(NOW, LIFETIME_MS);
const LIFETIME_SECONDS = (150 * DAY) / SECOND;

async function keyOf(raw: Secret | Uint8Array): Promise<UnlockedKey> {
  return readSecretKey(raw instanceof Secret ? raw : new Secret(Uint8Array.from(raw)));
}

async function extended(key: UnlockedKey, o: Partial<Parameters<typeof extendExpiry>[0]> = {}) {
  const { certificate, secretKey } = await extendExpiry({ expires: EXPIRES, now: NOW, ...o, key });
  return { certificate, key: await keyOf(secretKey) };
}

async function expiryOf(certificate: Certificate, now = NOW): Promise<Date | undefined> {
  const accepted = await acceptForEncryption(certificate, ADA, now);
  assert(accepted.kind === "acceptable", JSON.stringify(accepted));
  return accepted.expires;
}

/** Creation, expiration, key expiration. */
const TIMES = new Set([2, 3, 9]);

const lifetime = { keyExpirationTime: LIFETIME_SECONDS };
const dated = { user: USER, date: MADE, lifetimeSeconds: LIFETIME_SECONDS };
const KINDS: readonly (readonly [string, () => Promise<Secret | Uint8Array>])[] = [
  [
    "a compat key",
    async () => (await generateKey({ address: ADA, profile: "compat", now: MADE })).secretKey,
  ],
  [
    "a modern key",
    async () => (await generateKey({ address: ADA, profile: "modern", now: MADE })).secretKey,
  ],
  ...kindsOfKeys(LIFETIME_SECONDS).map(
    ([name, making]) => [name, () => libraryKey({ ...dated, ...making })] as const,
  ),
];

for (const [name, make] of KINDS) {
  const raw = await make();

  test(`${name} lives longer and is the same key`, async () => {
    using key = await keyOf(raw);
    const before = await expiryOf(key.certificate);
    assert(before && before < EXPIRES);
    const { certificate, key: longer } = await extended(key);
    using again = longer;
    assert.deepEqual(await expiryOf(certificate), EXPIRES);
    assert.deepEqual(await expiryOf(certificate, after(before, DAY)), EXPIRES);
    assert.deepEqual(again.certificate, certificate);
    assert.equal(certificate.fingerprint, key.certificate.fingerprint);
    assert.deepEqual(certificate.subkeyFingerprints, key.certificate.subkeyFingerprints);
    assert.deepEqual(certificate.userIds, key.certificate.userIds);
  });

  test(`${name} says the same but for the times`, async () => {
    using key = await keyOf(raw);
    const { certificate, key: longer } = await extended(key);
    using _ = longer;
    const [old, fresh] = [key.certificate, certificate].map((each) => {
      const parts = partsOf(each);
      assert(parts);
      return [parts.primary, ...parts.users, ...parts.subkeys].map(({ signatures }) =>
        signatures.map((signature) => ({
          type: signature.type,
          hashed: withoutTimes(subpacketsOf(signature).hashed),
          embedded: signature.embedded && Buffer.from(signature.embedded).toString("hex"),
        })),
      );
    });
    assert.deepEqual(fresh, old);
  });

  test(`${name} signs and opens as before, for the library too`, async () => {
    using key = await keyOf(raw);
    const { certificate, key: longer } = await extended(key);
    using again = longer;
    const now = after(EXPIRES, -DAY);
    const accepted = await acceptForEncryption(certificate, ADA, now);
    assert(accepted.kind === "acceptable");
    const recipients = [accepted.certificate];
    const data = Buffer.from("later");
    const message = await signAndEncrypt({ data, signer: again, recipients, intended: [], now });
    const opened = await decrypt({ message, keys: [key] });
    assert(opened.kind === "decrypted");
    const issuer = opened.signatures[0]?.issuer;
    assert(issuer);
    const signer = { keyFingerprint: issuer, signedAt: now };
    assert.deepEqual(await checkSigner(certificate, ADA, signer, { now }), { kind: "bound" });
    const library = await readKey({ binaryKey: certificate.bytes, config: certificateConfig });
    const config = certificateConfig;
    await library.verifyPrimaryKey(now, undefined, config);
    await library.getEncryptionKey(undefined, now, undefined, config);
    await library.getSigningKey(undefined, now, undefined, config);
    const expires = await library.getExpirationTime(undefined, config);
    assert.deepEqual(expires, EXPIRES);
  });

  test(`${name} does not grow when it is extended again, at once or later`, async () => {
    using key = await keyOf(raw);
    const { certificate, key: longer } = await extended(key);
    using once = longer;
    for (const now of [NOW, after(NOW, 500 * DAY)]) {
      const expires = after(now, LIFETIME_MS);
      const { certificate: twice, key: still } = await extended(once, { now, expires });
      using _ = still;
      // Integers differ by an octet or two when they begin with zeros.
      assert(twice.bytes.length < certificate.bytes.length + 16);
      assert.deepEqual(await expiryOf(twice, after(now, DAY)), expires);
    }
  });
}

function withoutTimes(subpackets: ReturnType<typeof subpacketsOf>["hashed"]) {
  return subpackets
    .filter(({ type }) => !TIMES.has(type))
    .map(({ type, isCritical, body }) => [type, isCritical, Buffer.from(body).toString("hex")]);
}

test("a key that has expired comes back to life", async () => {
  using key = await keyOf(await libraryKey({ ...dated, lifetimeSeconds: 3600 }));
  const refused = await acceptForEncryption(key.certificate, ADA, NOW);
  assert.deepEqual(refused, { kind: "unusable", reason: "expired" });
  const { certificate, key: longer } = await extended(key);
  using _ = longer;
  assert.deepEqual(await expiryOf(certificate), EXPIRES);
});

test("a key without an end gets one, and its subkeys end with it", async () => {
  const unending = await libraryKey({ user: USER, date: MADE });
  using key = await keyOf(unending);
  assert.equal(await expiryOf(key.certificate), undefined);
  const { certificate, key: longer } = await extended(key);
  using _ = longer;
  assert.deepEqual(await expiryOf(certificate), EXPIRES);
  const [subkey] = partsOf(certificate)?.subkeys ?? [];
  assert.equal(subkey?.signatures[0]?.keyExpiresAfterSeconds, undefined);
});

test("a subkey that ended before its key stays ended", async () => {
  const subkeys = [{ keyExpirationTime: 3600 }, lifetime];
  using key = await keyOf(await libraryKey({ ...dated, subkeys }));
  const { certificate, key: longer } = await extended(key);
  using _ = longer;
  const ended = partsOf(certificate)?.subkeys.map(
    ({ signatures }) => signatures[0]?.keyExpiresAfterSeconds,
  );
  const seconds = (EXPIRES.getTime() - MADE.getTime()) / SECOND;
  assert.deepEqual(ended, [3600, seconds]);
});

test("revoked subkeys and user IDs stay as they are", async () => {
  const forge = await newForge(MADE);
  const facts = { ...expiresIn(LIFETIME_SECONDS), keyFlags: flags(12) };
  const date = after(MADE, HOUR);
  const plan = { date: MADE, userIds: [USER], binding: facts };
  const revokedSubkey = await forgedSecret(forge, {
    ...plan,
    revocations: [{ type: "subkeyRevocation", date }],
  });
  using key = await keyOf(revokedSubkey);
  const { certificate, key: longer } = await extended(key);
  using _ = longer;
  assert.deepEqual(
    partsOf(certificate)?.subkeys.map(({ signatures }) => signatures),
    partsOf(key.certificate)?.subkeys.map(({ signatures }) => signatures),
  );
  const packets = packetsOf(revokedSubkey);
  const revokedUser = await forgedSecret(forge, {
    date: MADE,
    userIds: ["ada@old.example"],
    revocations: [{ type: "certRevocation", date }],
  });
  const user = packetsOf(revokedUser).slice(1, 4);
  assert.deepEqual(
    user.map(({ tag }) => tag),
    [TAG.userId, TAG.signature, TAG.signature],
  );
  using both = await keyOf(joined([...packets.slice(0, 3), ...user, ...packets.slice(3)]));
  const { certificate: after2, key: longer2 } = await extended(both);
  using __ = longer2;
  const signaturesOf = (each: Certificate) =>
    partsOf(each)?.users.map(({ signatures }) => signatures);
  assert.deepEqual(signaturesOf(after2)?.[1], signaturesOf(both.certificate)?.[1]);
  assert.notDeepEqual(signaturesOf(after2)?.[0], signaturesOf(both.certificate)?.[0]);
});

test("of the kept key only what is published is published again", async () => {
  const forge = await newForge(MADE);
  const plan = { date: MADE, userIds: [USER, "Ada at home <ada@home.example>"] };
  const result = await imported(await forgedSecret(forge, plan), { address: ADA, now: NOW });
  assert(result.kind === "importable");
  using key = await keyOf(result.secretKey);
  const { certificate, key: longer } = await extended(key, { certificate: result.certificate });
  using again = longer;
  assert.deepEqual(certificate.userIds, [USER]);
  assert.deepEqual(await expiryOf(certificate), EXPIRES);
  assert.equal(again.certificate.userIds.length, 2);
});

test("what was published beside, such as a revocation, stays", async () => {
  const made = await generateKey({ address: ADA, profile: "compat", now: MADE });
  using key = await keyOf(made.secretKey);
  const published = await applyRevocation(made.certificate, made.genericRevocation);
  assert(published);
  const { certificate, key: longer } = await extended(key, { certificate: published });
  using _ = longer;
  const refused = await acceptForEncryption(certificate, ADA, NOW);
  assert.deepEqual(refused, { kind: "unusable", reason: "revoked" });
});

test("a revoked key is not extended, nor one to a time that cannot be written", async () => {
  const made = await generateKey({ address: ADA, profile: "compat", now: MADE });
  using key = await keyOf(made.secretKey);
  for (const expires of [after(MADE, -MINUTE), after(MADE, -DAY), after(NOW, 200 * 365 * DAY)]) {
    await assert.rejects(extendExpiry({ key, expires, now: NOW }), AppError);
  }
  const revoked = await (await readByLibrary(key)).revoke({ flag: 3 }, NOW, certificateConfig);
  using ended = await keyOf(revoked.write());
  await assert.rejects(extendExpiry({ key: ended, expires: EXPIRES, now: NOW }), AppError);
});

test("the new signatures count although a clock was wrong before", async () => {
  const made = await generateKey({ address: ADA, profile: "compat", now: MADE });
  using key = await keyOf(made.secretKey);
  const { key: ahead } = await extended(key, { now: after(NOW, HOUR), expires: after(NOW, DAY) });
  using once = ahead;
  const { certificate, key: longer } = await extended(once);
  using _ = longer;
  const later = after(NOW, 2 * HOUR);
  assert.deepEqual(await expiryOf(certificate, later), EXPIRES);
  const [signature] = partsOf(certificate)?.users[0]?.signatures ?? [];
  assert.deepEqual(signature?.created, after(NOW, HOUR - MINUTE + SECOND));
});

test("a revocation by the extended key is one by the key", async () => {
  const made = await generateKey({ address: ADA, profile: "modern", now: MADE });
  using key = await keyOf(made.secretKey);
  const { certificate, key: longer } = await extended(key);
  using again = longer;
  const revoked = await revokeFresh({ key: again, reasonCode: 1, text: "", now: NOW });
  assert.equal(revoked.fingerprint, certificate.fingerprint);
  assert(await applyRevocation(certificate, made.genericRevocation));
});
