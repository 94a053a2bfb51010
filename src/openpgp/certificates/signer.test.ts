import assert from "node:assert/strict";
import { test } from "node:test";
import type { enums } from "openpgp";

import {
  type Facts,
  type Plan,
  flags,
  forged,
  newForge,
  expiresIn,
  packetOf,
  primaryOf,
  read,
  sign,
  subkeyOf,
  forgeCertificate,
  wholeSecond,
} from "../../../test/support/forge-certificate.ts";
import { after, DAY, SECOND, systemClock } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { writePacket, TAG } from "../packets/certificate-parts.ts";
import { parseFingerprint } from "../packets/fingerprint.ts";
import { acceptForEncryption } from "./acceptance.ts";
import type { Certificate } from "./certificate.ts";
import { type SignerCheck, checkSigner, revocationOf } from "./signer.ts";

const NOW = wholeSecond(systemClock.now());
const daysAgo = (days: number): Date => after(NOW, -days * DAY);
const ADA = parsed("ada.quill@post.example");
const forge = await newForge(daysAgo(100));
const stranger = await newForge(daysAgo(100));

function parsed(text: string) {
  const address = parseAddress(text);
  assert(address);
  return address;
}

function make(plan: Partial<Plan> = {}): Promise<Certificate> {
  return forged(forge, { date: daysAgo(100), ...plan });
}

function check(certificate: Certificate, signedAt = daysAgo(50)): Promise<SignerCheck> {
  return checkSigner(
    certificate,
    ADA,
    { keyFingerprint: certificate.fingerprint, signedAt },
    { now: NOW },
  );
}

const reason = (code: number): Facts => ({
  reasonForRevocationFlag: code as enums.reasonForRevocation,
  reasonForRevocationString: "",
});

// Reasons of revocation (RFC 9580 §5.2.3.31), given before and after the signature: a key of 100 days ago, its signature of
// 50 days ago.
const MATRIX: readonly [string, { code: number; days: number } | undefined, SignerCheck["kind"]][] =
  [
    ["no revocation", undefined, "bound"],
    ["reason 0, 100 days ago", { code: 0, days: 100 }, "not-bound"],
    ["reason 1, 10 days ago", { code: 1, days: 10 }, "bound"],
    ["reason 1, 100 days ago", { code: 1, days: 100 }, "not-bound"],
    ["reason 3, 10 days ago", { code: 3, days: 10 }, "bound"],
    ["reason 0, 10 days ago", { code: 0, days: 10 }, "not-bound"],
    ["reason 2, 10 days ago", { code: 2, days: 10 }, "not-bound"],
    ["an unknown reason, 10 days ago", { code: 77, days: 10 }, "not-bound"],
  ];
for (const [name, revocation, kind] of MATRIX) {
  test(`with ${name} a signature of 50 days ago is ${kind}, and encryption goes on only without one`, async () => {
    const certificate = await make(
      revocation && {
        revocations: [
          { type: "keyRevocation", date: daysAgo(revocation.days), facts: reason(revocation.code) },
        ],
      },
    );
    assert.equal((await check(certificate)).kind, kind);
    const acceptance = await acceptForEncryption(certificate, ADA, NOW);
    assert.equal(acceptance.kind, revocation === undefined ? "acceptable" : "unusable");
    if (acceptance.kind === "unusable") assert.equal(acceptance.reason, "revoked");
    const of = await revocationOf(certificate);
    if (revocation === undefined) assert.deepEqual(of, { kind: "none" });
    else {
      const weight = [1, 3].includes(revocation.code) ? "soft" : "hard";
      const at = daysAgo(revocation.days);
      assert.deepEqual(of, { kind: weight, at, reasonCode: revocation.code });
    }
  });
}

test("what became of a key since it signed is noted", async () => {
  const superseded = await make({
    revocations: [{ type: "keyRevocation", date: daysAgo(10), facts: reason(1) }],
  });
  assert.deepEqual(await check(superseded), {
    kind: "bound",
    ended: { how: "superseded", at: daysAgo(10) },
  });
  const expired = await make({ certification: expiresIn((60 * DAY) / SECOND) });
  const end = await check(expired);
  assert(end.kind === "bound");
  assert.equal(end.ended?.how, "expired");
  assert.deepEqual(await check(expired, daysAgo(39)), {
    kind: "not-bound",
    reason: "expired-when-made",
  });
});

test("a soft revocation ends what is signed after it", async () => {
  const certificate = await make({
    revocations: [{ type: "keyRevocation", date: daysAgo(10), facts: reason(1) }],
  });
  assert.deepEqual(await check(certificate, daysAgo(9)), {
    kind: "not-bound",
    reason: "revoked-before",
  });
});

test("the hard one of two revocations decides", async () => {
  const certificate = await make({
    revocations: [
      { type: "keyRevocation", date: daysAgo(10), facts: reason(1) },
      { type: "keyRevocation", date: daysAgo(20), facts: reason(2) },
    ],
  });
  assert.deepEqual(await check(certificate), { kind: "not-bound", reason: "hard-revoked" });
  const of = await revocationOf(certificate);
  assert.deepEqual(of, { kind: "hard", at: daysAgo(20), reasonCode: 2 });
});

test("a revocation that somebody else signed does not count", async () => {
  const certificate = await make({
    revocations: [{ type: "keyRevocation", date: daysAgo(80), facts: reason(2), by: stranger }],
  });
  assert.deepEqual(await check(certificate), { kind: "bound" });
  assert.deepEqual(await revocationOf(certificate), { kind: "none" });
  assert.equal((await acceptForEncryption(certificate, ADA, NOW)).kind, "acceptable");
});

test("a signature from before its key is not its owner's", async () => {
  assert.deepEqual(await check(await make(), daysAgo(101)), {
    kind: "not-bound",
    reason: "not-yet-valid",
  });
});

test("a certificate of another address binds nothing", async () => {
  const certificate = await make({ userIds: ["ada.quill@post.example <m@evil.example>"] });
  assert.deepEqual(await check(certificate), { kind: "not-bound", reason: "wrong-user-id" });
});

test("a user ID revoked later still binds what was signed before, one revoked hard never", async () => {
  const revoked = (code: number) =>
    make({ revocations: [{ type: "certRevocation", date: daysAgo(10), facts: reason(code) }] });
  assert.deepEqual(await check(await revoked(32)), {
    kind: "bound",
    ended: { how: "retired", at: daysAgo(10) },
  });
  assert.deepEqual(await check(await revoked(32), daysAgo(5)), {
    kind: "not-bound",
    reason: "revoked-before",
  });
  assert.deepEqual(await check(await revoked(0)), { kind: "not-bound", reason: "hard-revoked" });
});

test("the primary key signs only with the flag for it", async () => {
  const certificate = await make({ certification: { keyFlags: flags(1) } });
  assert.deepEqual(await check(certificate), { kind: "not-bound", reason: "no-signing-key" });
});

test("the encryption subkey, and a key that is not there, sign nothing", async () => {
  const certificate = await make();
  const [subkey] = certificate.subkeyFingerprints;
  assert(subkey);
  for (const keyFingerprint of [subkey, fingerprintOf("00".repeat(20))]) {
    assert.deepEqual(
      await checkSigner(certificate, ADA, { keyFingerprint, signedAt: daysAgo(50) }),
      { kind: "not-bound", reason: "no-signing-key" },
    );
  }
});

function fingerprintOf(text: string) {
  const fingerprint = parseFingerprint(text);
  assert(fingerprint);
  return fingerprint;
}

/** Our certificate, with the primary key of another one as signing subkey; `consents`: that key back-signed. */
async function withSigningSubkey(consents: boolean, facts: Facts = {}, revocation?: number) {
  const other = await newForge(daysAgo(100), { subkeys: [{ sign: true }] });
  const key = await primaryOf(forge);
  const bind = await subkeyOf(other);
  const secret = other.secret.subkeys[0]?.keyPacket;
  assert(secret);
  const by = consents ? secret : other.secret.keyPacket;
  const embeddedSignature = await sign(by, "keyBinding", { key, bind }, daysAgo(100));
  const binding = await sign(forge.secret.keyPacket, "subkeyBinding", { key, bind }, daysAgo(100), {
    keyFlags: flags(2),
    embeddedSignature,
    ...facts,
  });
  const parts = [
    await forgeCertificate(forge, { date: daysAgo(100) }),
    writePacket(TAG.publicSubkey, bind.write()),
    packetOf(binding),
  ];
  if (revocation !== undefined) {
    const over = { key, bind };
    const made = sign(
      forge.secret.keyPacket,
      "subkeyRevocation",
      over,
      daysAgo(10),
      reason(revocation),
    );
    parts.push(packetOf(await made));
  }
  const certificate = await read(Buffer.concat(parts));
  const keyFingerprint = fingerprintOf(bind.getFingerprint());
  return checkSigner(certificate, ADA, { keyFingerprint, signedAt: daysAgo(50) }, { now: NOW });
}

test("a signing subkey that agreed to be bound signs for the address", async () => {
  assert.deepEqual(await withSigningSubkey(true), { kind: "bound" });
});

test("a signing subkey that somebody adopted without its consent signs nothing", async () => {
  const none: SignerCheck = { kind: "not-bound", reason: "no-signing-key" };
  assert.deepEqual(await withSigningSubkey(false), none);
  assert.deepEqual(await withSigningSubkey(true, { embeddedSignature: null }), none);
  assert.deepEqual(await withSigningSubkey(true, { keyFlags: null }), none);
});

test("a subkey's own expiry and revocations count as the primary key's do", async () => {
  assert.deepEqual(await withSigningSubkey(true, expiresIn((40 * DAY) / SECOND)), {
    kind: "not-bound",
    reason: "expired-when-made",
  });
  const superseded = await withSigningSubkey(true, {}, 1);
  assert(superseded.kind === "bound");
  assert.equal(superseded.ended?.how, "superseded");
  assert.deepEqual(await withSigningSubkey(true, {}, 2), {
    kind: "not-bound",
    reason: "hard-revoked",
  });
});
