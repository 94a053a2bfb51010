import assert from "node:assert/strict";
import { test } from "node:test";

import {
  flags,
  newForge,
  packetOf,
  primaryOf,
  sign,
  userIdOf,
} from "../../../test/support/forge-certificate.ts";
import {
  ADA,
  ARGON2,
  type Making,
  NOW,
  QUICK,
  USER,
  armored,
  forgedSecret,
  imported,
  joined,
  kindsOfKeys,
  libraryKey,
  packetsOf,
} from "../../../test/support/secret-keys.ts";
import { Secret } from "../../base/secret.ts";
import { DAY, MINUTE, after } from "../../base/time.ts";
import { acceptForEncryption } from "../certificates/acceptance.ts";
import { partsOf } from "../certificates/certificate.ts";
import { revocationOf } from "../certificates/signer.ts";
import { generateKey } from "../keys/generate.ts";
import { lockForExport } from "../keys/lock-for-export.ts";
import { applyRevocation } from "../keys/revocation.ts";
import { readSecretKey } from "../keys/secret-key.ts";
import { decrypt } from "../messages/decrypt.ts";
import { signAndEncrypt } from "../messages/encrypt.ts";
import { verifySignature } from "../messages/verify.ts";
import { TAG } from "../packets/certificate-parts.ts";
import { packet } from "../packets/packet.ts";

const MADE = after(NOW, -50 * DAY);
const at = { address: ADA, now: NOW };
const PASSPHRASE = "correct hörse";

const KINDS: ReturnType<typeof kindsOfKeys> = [
  ["a v4 key on Curve25519", {}],
  ["a v6 key on Curve25519", { type: "curve25519", config: { v6Keys: true } }],
  ...kindsOfKeys(),
];
const LOCKS: readonly [string, Partial<Making>][] = [
  ["not locked", {}],
  ["locked with CFB and an iterated hash", { passphrase: PASSPHRASE, config: QUICK }],
  ["locked with OCB and Argon2", { passphrase: PASSPHRASE, config: ARGON2 }],
  ["locked with EAX", { passphrase: PASSPHRASE, config: { ...ARGON2, preferredAEADAlgorithm: 1 } }],
  ["locked with GCM", { passphrase: PASSPHRASE, config: { ...ARGON2, preferredAEADAlgorithm: 3 } }],
];

for (const [kind, making] of KINDS) {
  for (const [lock, locking] of LOCKS) {
    test(`${kind}, ${lock}, is taken over, and seals and opens`, async () => {
      const config = { ...making.config, ...locking.config };
      const bytes = await libraryKey({ user: USER, date: MADE, ...making, ...locking, config });
      for (const form of [bytes, armored(bytes)]) {
        const result = await imported(form, { ...at, passphrase: PASSPHRASE });
        assert(result.kind === "importable", JSON.stringify(result));
        using raw = result.secretKey;
        using key = await readSecretKey(raw);
        const { certificate } = result;
        assert.equal(key.fingerprint, certificate.fingerprint);
        const accepted = await acceptForEncryption(certificate, ADA, NOW);
        assert(accepted.kind === "acceptable");
        const data = Buffer.from("sealed");
        const recipients = [accepted.certificate];
        const sealed = await signAndEncrypt({
          data,
          signer: key,
          recipients,
          intended: [],
          now: NOW,
        });
        const opened = await decrypt({ message: sealed, keys: [key] });
        assert(opened.kind === "decrypted" && opened.signatures[0]);
        assert.deepEqual(Buffer.from(opened.data), data);
        const signature = opened.signatures[0];
        assert.equal((await verifySignature({ data, signature, certificate })).kind, "valid");
        const revoked = await applyRevocation(certificate, result.genericRevocation);
        assert(revoked);
        assert.equal((await revocationOf(revoked)).kind, "hard");
      }
    });
  }
}

for (const profile of ["compat", "modern"] as const) {
  test(`our own ${profile} key comes back after it was exported`, async () => {
    const made = await generateKey({ address: ADA, profile, now: MADE });
    using key = await readSecretKey(made.secretKey);
    using passphrase = Secret.fromText(PASSPHRASE);
    const locked = await lockForExport(key, passphrase);
    const result = await imported(locked, { ...at, passphrase: PASSPHRASE });
    assert(result.kind === "importable", JSON.stringify(result));
    assert.deepEqual(Buffer.from(result.secretKey.reveal()), Buffer.from(made.secretKey.reveal()));
    assert.deepEqual(result.certificate, made.certificate);
    const accepted = await acceptForEncryption(made.certificate, ADA, NOW);
    assert.deepEqual(result.expires, accepted.kind === "acceptable" && accepted.expires);
  });
}

test("what was not proven is left out, and other user IDs are kept but not published", async () => {
  const forge = await newForge(MADE);
  const other = await newForge(MADE);
  const userIds = [USER, "Ada at home <ada@home.example>"];
  const bytes = await forgedSecret(forge, { date: MADE, userIds });
  const key = await primaryOf(forge);
  const over = { key, userID: userIdOf(USER) };
  const thirdParty = packetOf(await sign(other.secret.keyPacket, "certGeneric", over, MADE));
  const [unbound] = packetsOf(other.secret.write()).filter(({ tag }) => tag === TAG.secretSubkey);
  assert(unbound);
  const packets = packetsOf(bytes);
  const crowded = Buffer.concat([
    joined(packets.slice(0, 2)),
    thirdParty,
    joined(packets.slice(2, 3)),
    packet(TAG.userAttribute, Buffer.from("04010203", "hex")),
    thirdParty,
    joined(packets.slice(3)),
    joined([unbound]),
    packet(60, Buffer.from("of a later standard")),
  ]);
  const result = await imported(crowded, at);
  assert(result.kind === "importable", JSON.stringify(result));
  assert.deepEqual(Buffer.from(result.secretKey.reveal()), Buffer.from(bytes));
  assert.deepEqual(result.certificate.userIds, [USER]);
  using kept = await readSecretKey(result.secretKey);
  assert.deepEqual(kept.certificate.userIds, userIds);
  assert.equal(partsOf(result.certificate)?.subkeys.length, 1);
});

test("an old encryption subkey is kept to read old mail, and not published", async () => {
  const bytes = await libraryKey({
    user: USER,
    date: MADE,
    subkeys: [{ keyExpirationTime: 3600 }, {}],
    config: {},
  });
  const result = await imported(bytes, at);
  assert(result.kind === "importable", JSON.stringify(result));
  using kept = await readSecretKey(result.secretKey);
  assert.equal(kept.certificate.subkeyFingerprints.length, 2);
  assert.equal(result.certificate.subkeyFingerprints.length, 1);
});

test("a signing subkey that has expired is not signed with", async () => {
  const bytes = await libraryKey({
    user: USER,
    date: MADE,
    subkeys: [{ sign: true, keyExpirationTime: 3600 }, {}],
  });
  const result = await imported(bytes, at);
  assert(result.kind === "importable", JSON.stringify(result));
  using key = await readSecretKey(result.secretKey);
  const recipients = [result.certificate];
  const data = Buffer.from("signed");
  const sealed = await signAndEncrypt({ data, signer: key, recipients, intended: [], now: NOW });
  const opened = await decrypt({ message: sealed, keys: [key] });
  assert(opened.kind === "decrypted");
  assert.equal(opened.signatures[0]?.issuer, key.fingerprint);
});

test("one who may not sign is refused, one whose subkey may is not", async () => {
  const forge = await newForge(MADE);
  const certifyOnly = { date: MADE, certification: { keyFlags: flags(1) } };
  const refused = await imported(await forgedSecret(forge, certifyOnly), at);
  assert.deepEqual(refused, { kind: "refused", reason: "no-signing-key" });
});

test("a key from a clock that is a little ahead is taken over", async () => {
  for (const [minutes, reason] of [
    [5, undefined],
    [15, "not-yet-valid"],
  ] as const) {
    for (const subkeys of [[{}], [{ sign: true }, {}]]) {
      const bytes = await libraryKey({ user: USER, date: after(NOW, minutes * MINUTE), subkeys });
      const result = await imported(bytes, at);
      assert.equal(result.kind === "refused" ? result.reason : undefined, reason);
    }
  }
});
