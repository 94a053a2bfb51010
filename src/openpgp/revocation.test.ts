import assert from "node:assert/strict";
import { test } from "node:test";

import { revokeKey, readKey } from "openpgp";

import { wholeSecond } from "../../test/support/forge-certificate.ts";
import { after, DAY, systemClock } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { acceptForEncryption } from "./acceptance.ts";
import { partsOf } from "./certificate.ts";
import { generateKey } from "./generate.ts";
import { certificateConfig } from "./profile.ts";
import { applyRevocation, revokeFresh } from "./revocation.ts";
import { readSecretKey } from "./secret-key.ts";
import { checkSigner, revocationOf } from "./signer.ts";

const parsed = parseAddress("ada.quill@post.example");
assert(parsed);
const ADA = parsed;
const NOW = wholeSecond(systemClock.now());
const CREATED = after(NOW, -100 * DAY);

function armor(label: string, bytes: Uint8Array, end = "\n"): Uint8Array {
  const base64 = Buffer.from(bytes).toString("base64").replace(/.{64}/g, `$&${end}`);
  const lines = [
    `-----BEGIN PGP ${label}-----`,
    "Comment: revocation",
    "",
    base64,
    `-----END PGP ${label}-----`,
    "",
  ];
  return Buffer.from(lines.join(end));
}

for (const profile of ["compat", "modern"] as const) {
  const { certificate, secretKey, genericRevocation } = await generateKey({
    address: ADA,
    profile,
    now: CREATED,
  });
  const signer = { keyFingerprint: certificate.fingerprint, signedAt: after(NOW, -50 * DAY) };

  test(`the generic revocation of a ${profile} key is applied in every form it comes in`, async () => {
    for (const form of [
      genericRevocation,
      armor("PUBLIC KEY BLOCK", genericRevocation),
      armor("SIGNATURE", genericRevocation),
      armor("PUBLIC KEY BLOCK", genericRevocation, "\r\n"),
    ]) {
      const revoked = await applyRevocation(certificate, form);
      assert(revoked);
      assert.equal(revoked.fingerprint, certificate.fingerprint);
      assert.deepEqual(revoked.userIds, certificate.userIds);
      const of = await revocationOf(revoked);
      assert.deepEqual(of, { kind: "hard", at: after(CREATED, -60_000), reasonCode: 0 });
      assert.deepEqual(await acceptForEncryption(revoked, ADA, NOW), {
        kind: "unusable",
        reason: "revoked",
      });
      assert.deepEqual(await checkSigner(revoked, ADA, signer), {
        kind: "not-bound",
        reason: "hard-revoked",
      });
    }
  });

  test(`applying the revocation of a ${profile} key twice is the same as once`, async () => {
    const once = await applyRevocation(certificate, genericRevocation);
    assert(once);
    assert.deepEqual(await applyRevocation(once, genericRevocation), once);
  });

  test(`a fresh soft revocation of a ${profile} key keeps older signatures, and the library agrees`, async () => {
    using key = await readSecretKey(secretKey);
    const revoked = await revokeFresh({ key, reasonCode: 1, text: "superseded", now: NOW });
    assert.deepEqual(await revocationOf(revoked), { kind: "soft", at: NOW, reasonCode: 1 });
    assert.deepEqual(await checkSigner(revoked, ADA, signer), {
      kind: "bound",
      note: "superseded",
    });
    const library = await readKey({ binaryKey: revoked.bytes, config: certificateConfig });
    assert.equal(await library.isRevoked(undefined, undefined, NOW, certificateConfig), true);
    const before = after(NOW, -50 * DAY);
    assert.equal(await library.isRevoked(undefined, undefined, before, certificateConfig), false);
    assert.equal(partsOf(revoked)?.primary.signatures[0]?.reason?.text, "superseded");
  });

  test(`a ${profile} key revoked softly and then hard is revoked hard`, async () => {
    using key = await readSecretKey(secretKey);
    const soft = await revokeFresh({ key, reasonCode: 3, text: "", now: NOW });
    const hard = await applyRevocation(soft, genericRevocation);
    assert(hard);
    assert.equal((await revocationOf(hard)).kind, "hard");
    assert.equal(partsOf(hard)?.primary.signatures.filter(({ type }) => type === 0x20).length, 2);
  });

  test(`what does not revoke this ${profile} key changes nothing`, async () => {
    const other = await generateKey({ address: ADA, profile, now: CREATED });
    const damaged = Uint8Array.from(genericRevocation);
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    for (const form of [
      other.genericRevocation,
      damaged,
      genericRevocation.slice(0, -1),
      new Uint8Array(),
      Buffer.from("no revocation"),
      armor("PUBLIC KEY BLOCK", other.genericRevocation),
      armor("MESSAGE", genericRevocation),
      certificate.bytes,
      Buffer.concat([genericRevocation, certificate.bytes]),
      Buffer.alloc(100_000, 0xc2),
    ]) {
      assert.equal(await applyRevocation(certificate, form), undefined);
    }
  });
}

test("a revocation that the library armors is applied", async () => {
  const { certificate, secretKey } = await generateKey({
    address: ADA,
    profile: "compat",
    now: CREATED,
  });
  using key = await readSecretKey(secretKey);
  const { privateKey } = await revokeKey({
    key: key.key(),
    reasonForRevocation: { flag: 2, string: "stolen" },
    date: NOW,
    format: "object",
    config: certificateConfig,
  });
  const text = await privateKey.getRevocationCertificate(NOW, certificateConfig);
  assert(typeof text === "string" && text.includes("BEGIN PGP PUBLIC KEY BLOCK"));
  const revoked = await applyRevocation(certificate, Buffer.from(text));
  assert(revoked);
  assert.deepEqual(await revocationOf(revoked), { kind: "hard", at: NOW, reasonCode: 2 });
});
