/** Which of several self-signatures counts, as GnuPG and RNP have it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { enums } from "openpgp";

import {
  ADA,
  MADE,
  NOW,
  daysAgo,
  expiresIn,
  type Facts,
  flags,
  forgeCertificate,
  newForge,
  packetOf,
  primaryOf,
  read,
  sign,
  subkeyOf,
  userIdOf,
} from "../../../test/support/forge-certificate.ts";
import { after, DAY, HOUR, SECOND } from "../../base/time.ts";
import { TAG, writePacket } from "../packets/certificate-parts.ts";
import { parseFingerprint } from "../packets/fingerprint.ts";
import { acceptForEncryption } from "./acceptance.ts";
import { certificateOf, partsOf } from "./certificate.ts";
import { checkSigner } from "./signer.ts";

const forge = await newForge(MADE);
/** The library makes SHA-1 with RSA alone. */
const rsa = await newForge(MADE, { type: "rsa", rsaBits: 2048, config: { minRSABits: 2048 } });
const GOOD: Facts = { keyFlags: flags(3) };
/** The key had ended long ago. */
const ENDED: Facts = { ...GOOD, ...expiresIn(DAY / SECOND) };
const SHA1: Facts = { ...GOOD, hashAlgorithm: enums.hash.sha1 };

type Certification = readonly [date: Date, facts: Facts];
type Named = { readonly name: string; readonly by: readonly Certification[] };

/** A certificate with these user IDs, each with these certifications in this order. */
async function withUsers(users: readonly Named[], by = forge): Promise<Uint8Array> {
  const key = await primaryOf(by);
  const bind = await subkeyOf(by);
  const primary = by.secret.keyPacket;
  const parts = [writePacket(TAG.publicKey, key.write())];
  for (const { name, by: certifications } of users) {
    const userID = userIdOf(name);
    parts.push(writePacket(TAG.userId, userID.write()));
    for (const [date, facts] of certifications) {
      parts.push(packetOf(await sign(primary, "certPositive", { key, userID }, date, facts)));
    }
  }
  const binding = await sign(primary, "subkeyBinding", { key, bind }, MADE, {
    keyFlags: flags(12),
  });
  return Buffer.concat([...parts, writePacket(TAG.publicSubkey, bind.write()), packetOf(binding)]);
}

async function accept(users: readonly Named[], by = forge): Promise<string> {
  const acceptance = await acceptForEncryption(await read(await withUsers(users, by)), ADA, NOW);
  return acceptance.kind === "unusable" ? acceptance.reason : acceptance.kind;
}

const ada = (...by: readonly Certification[]): Named => ({ name: "ada.quill@post.example", by });

test("of two self-signatures of one second the one that stands behind counts, also when they are written again", async () => {
  const [good, ended]: readonly [Certification, Certification] = [
    [MADE, GOOD],
    [MADE, ENDED],
  ];
  assert.equal(await accept([ada(ended, good)]), "acceptable");
  assert.equal(await accept([ada(good, ended)]), "expired");
  for (const [by, expected] of [
    [[ended, good], "acceptable"],
    [[good, ended], "unusable"],
  ] as const) {
    let certificate = await read(await withUsers([ada(...by)]));
    for (let turn = 0; turn < 3; turn += 1) {
      const parts = partsOf(certificate);
      assert(parts);
      certificate = await read(certificateOf(parts).bytes);
      assert.equal((await acceptForEncryption(certificate, ADA, NOW)).kind, expected);
    }
  }
});

test("a later self-signature counts, wherever it stands", async () => {
  for (const by of [
    [[daysAgo(50), GOOD] as const, [MADE, ENDED] as const],
    [[MADE, ENDED] as const, [daysAgo(50), GOOD] as const],
  ]) {
    assert.equal(await accept([ada(...by)]), "acceptable");
  }
});

test("a user ID that is marked as the primary one ends the key for all user IDs", async () => {
  const primary = { isPrimaryUserID: true };
  const other = (...by: readonly Certification[]): Named => ({
    name: "Ada <ada@else.example>",
    by,
  });
  const mine = ada([MADE, GOOD]);
  assert.equal(await accept([mine, other([MADE, { ...ENDED, ...primary }])]), "expired");
  assert.equal(await accept([other([MADE, { ...ENDED, ...primary }]), mine]), "expired");
  // No mark, a later word without it, or a later time: the key goes on.
  assert.equal(await accept([mine, other([MADE, ENDED])]), "acceptable");
  const later: Certification = [daysAgo(50), GOOD];
  assert.equal(await accept([mine, other([MADE, { ...ENDED, ...primary }], later)]), "acceptable");
  const longer: Certification = [
    daysAgo(50),
    { ...GOOD, ...primary, ...expiresIn((200 * DAY) / SECOND) },
  ];
  assert.equal(await accept([mine, other([MADE, { ...ENDED, ...primary }], longer)]), "acceptable");
});

test("a mark that somebody else set, or that is taken back, ends nothing", async () => {
  const stranger = await newForge(MADE);
  const key = await primaryOf(forge);
  const userID = userIdOf("Ada <ada@else.example>");
  const facts = { ...ENDED, isPrimaryUserID: true };
  const over = { key, userID };
  const foreign = packetOf(
    await sign(stranger.secret.keyPacket, "certPositive", over, MADE, facts),
  );
  const own = packetOf(await sign(forge.secret.keyPacket, "certPositive", over, MADE, facts));
  const revoked = packetOf(await sign(forge.secret.keyPacket, "certRevocation", over, daysAgo(9)));
  const base = await withUsers([ada([MADE, GOOD])]);
  const user = writePacket(TAG.userId, userID.write());
  for (const signatures of [[foreign], [own, revoked]]) {
    const certificate = await read(Buffer.concat([base, user, ...signatures]));
    assert.equal((await acceptForEncryption(certificate, ADA, NOW)).kind, "acceptable");
  }
});

test("a self-signature of the future is ignored while an older one holds, and is not yet valid alone", async () => {
  const future: Certification = [after(NOW, 2 * HOUR), ENDED];
  assert.equal(await accept([ada([MADE, GOOD], future)]), "acceptable");
  assert.equal(await accept([ada(future, [MADE, GOOD])]), "acceptable");
  assert.equal(await accept([ada([after(NOW, 2 * HOUR), GOOD])]), "not-yet-valid");
  assert.equal(await accept([ada([MADE, ENDED], [after(NOW, 2 * HOUR), GOOD])]), "expired");
  const certificate = await read(await withUsers([ada([MADE, GOOD], future)]));
  const signer = { keyFingerprint: certificate.fingerprint, signedAt: daysAgo(1) };
  assert.deepEqual(await checkSigner(certificate, ADA, signer, { now: NOW }), { kind: "bound" });
});

test("a binding of the future is ignored too, and a revocation of the future counts", async () => {
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const primary = forge.secret.keyPacket;
  const soon = after(NOW, 2 * HOUR);
  const base = await withUsers([ada([MADE, GOOD])]);
  const facts = { keyFlags: flags(0x20) };
  const binding = packetOf(await sign(primary, "subkeyBinding", { key, bind }, soon, facts));
  const revocation = packetOf(await sign(primary, "subkeyRevocation", { key, bind }, soon));
  const judge = async (...more: readonly Uint8Array[]) =>
    acceptForEncryption(await read(Buffer.concat([base, ...more])), ADA, NOW);
  assert.equal((await judge(binding)).kind, "acceptable");
  const revoked = await judge(revocation);
  assert(revoked.kind === "unusable");
  assert.equal(revoked.reason, "revoked");
});

test("a self-signature in SHA-1 is weak and nothing uncertain; an older one with a good hash goes on", async () => {
  assert.equal(await accept([ada([MADE, SHA1])], rsa), "weak-algorithm");
  assert.equal(await accept([ada([daysAgo(50), GOOD], [daysAgo(10), SHA1])], rsa), "acceptable");
  assert.equal(await accept([ada([daysAgo(50), ENDED], [daysAgo(10), SHA1])], rsa), "expired");
  const certificate = await read(await withUsers([ada([MADE, SHA1])], rsa));
  const signer = { keyFingerprint: certificate.fingerprint, signedAt: daysAgo(1) };
  const checked = await checkSigner(certificate, ADA, signer, { now: NOW });
  assert.deepEqual(checked, { kind: "not-bound", reason: "weak-algorithm" });
});

test("a self-signature in SHA-1 that the key did not make is none", async () => {
  const stranger = await newForge(MADE, {
    type: "rsa",
    rsaBits: 2048,
    config: { minRSABits: 2048 },
  });
  const plan = { date: MADE, userIds: ["ada.quill@post.example"] };
  const bytes = await forgeCertificate(rsa, {
    ...plan,
    certification: SHA1,
    certifier: stranger,
  });
  const acceptance = await acceptForEncryption(await read(bytes), ADA, NOW);
  assert(acceptance.kind === "unusable");
  assert.equal(acceptance.reason, "bad-self-signature");
});

test("a signature that is older than the binding of its subkey counts, and one older than the subkey does not", async () => {
  const other = await newForge(MADE, { subkeys: [{ sign: true }] });
  const [secret] = other.secret.subkeys;
  assert(secret);
  const key = await primaryOf(forge);
  const bind = await subkeyOf(other);
  const embeddedSignature = await sign(secret.keyPacket, "keyBinding", { key, bind }, daysAgo(10));
  const facts = { keyFlags: flags(2), embeddedSignature };
  const primary = forge.secret.keyPacket;
  const binding = await sign(primary, "subkeyBinding", { key, bind }, daysAgo(10), facts);
  const base = await withUsers([ada([MADE, GOOD])]);
  const subkey = writePacket(TAG.publicSubkey, bind.write());
  const certificate = await read(Buffer.concat([base, subkey, packetOf(binding)]));
  const keyFingerprint = parseFingerprint(bind.getFingerprint());
  assert(keyFingerprint);
  const check = async (signedAt: Date) =>
    checkSigner(certificate, ADA, { keyFingerprint, signedAt }, { now: NOW });
  assert.deepEqual(await check(daysAgo(50)), { kind: "bound" });
  assert.deepEqual(await check(daysAgo(101)), { kind: "not-bound", reason: "not-yet-valid" });
});
