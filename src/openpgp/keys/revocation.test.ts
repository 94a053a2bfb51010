import assert from "node:assert/strict";
import { test } from "node:test";
import { revokeKey, readKey } from "openpgp";

import { cpuStopwatch } from "../../../test/support/cpu-time.ts";
import { wholeSecond } from "../../../test/support/forge-certificate.ts";
import { mutate, seededRandom } from "../../../test/support/mutate.ts";
import { readByLibrary } from "../../../test/support/read-by-library.ts";
import { after, DAY, SECOND, systemClock } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { acceptForEncryption } from "../certificates/acceptance.ts";
import { partsOf } from "../certificates/certificate.ts";
import { certificateConfig } from "../certificates/profile.ts";
import { checkSigner, revocationOf } from "../certificates/signer.ts";
import { whichRevoked } from "../certificates/which-revoked.ts";
import { writePacket } from "../packets/certificate-parts.ts";
import { readKeyPackets } from "../packets/key-packets.ts";
import { readKeySignature } from "../packets/key-signature.ts";
import { generateKey } from "./generate.ts";
import { applyRevocation, genericRevocationFor, revokeFresh } from "./revocation.ts";
import { readSecretKey } from "./secret-key.ts";

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
      ended: { how: "superseded", at: NOW },
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
    key: await readByLibrary(key),
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

for (const profile of ["compat", "modern"] as const) {
  const mine = await generateKey({ address: ADA, profile, now: CREATED });
  const former = await generateKey({ address: ADA, profile, now: CREATED });
  const foreign = await generateKey({ address: ADA, profile, now: CREATED });
  const all = [mine.certificate, former.certificate];

  test(`an upload in any form names the ${profile} key that it revokes`, async () => {
    const revocation = former.genericRevocation;
    const revoked = await applyRevocation(former.certificate, revocation);
    assert(revoked);
    for (const upload of [
      revocation,
      armor("PUBLIC KEY BLOCK", revocation),
      armor("SIGNATURE", revocation),
      armor("SIGNATURE", revocation, "\r\n"),
      gnupgFile(revocation),
      revoked.bytes,
      armor("PUBLIC KEY BLOCK", revoked.bytes),
      Buffer.concat([mine.certificate.bytes, revoked.bytes]),
      Buffer.concat([revocation, former.certificate.bytes]),
    ]) {
      const found = await whichRevoked(all, upload);
      assert(found);
      assert.deepEqual(found.certificate, revoked);
      assert.deepEqual(found.revoked, await revocationOf(revoked));
    }
    const again = await whichRevoked([mine.certificate, revoked], revocation);
    assert.equal(again?.certificate, revoked);
  });

  test(`an upload that revokes no ${profile} key of the user is for none, at once`, async () => {
    const revocation = mine.genericRevocation;
    const strangers = await applyRevocation(foreign.certificate, foreign.genericRevocation);
    assert(strangers);
    const elapsed = cpuStopwatch();
    const uploads = [
      new Uint8Array(),
      Buffer.from("revoke my key"),
      Buffer.from(":-----BEGIN PGP PUBLIC KEY BLOCK-----\n"),
      foreign.genericRevocation,
      armor("SIGNATURE", foreign.genericRevocation),
      gnupgFile(foreign.genericRevocation),
      strangers.bytes,
      mine.certificate.bytes,
      mine.secretKey.reveal(),
      revocation.slice(0, -1),
      armor("SIGNATURE", revocation).slice(0, -20),
      Buffer.concat(Array.from({ length: 5000 }, () => revocation)),
      withDamaged(mine.certificate.bytes, revocation, 400),
      Buffer.alloc(2_000_000, 0x20),
      Buffer.alloc(2_000_000, ":-----BEGIN PGP SIGNATURE-----\n"),
    ];
    for (const upload of uploads) assert.equal(await whichRevoked(all, upload), undefined);
    assert.equal(await whichRevoked([], revocation), undefined);
    assert(elapsed() < SECOND);
  });

  test(`a key that claims to revoke another's ${profile} key does not`, async () => {
    using key = await readSecretKey(foreign.secretKey);
    const theirs = await genericRevocationFor(key, NOW);
    // The issuer is made to look like the owner's key.
    const hex = Buffer.from(theirs)
      .toString("hex")
      .replaceAll(
        foreign.certificate.fingerprint.toLowerCase(),
        mine.certificate.fingerprint.toLowerCase(),
      );
    assert.equal(await whichRevoked(all, Buffer.from(hex, "hex")), undefined);
  });

  test(`mutated revocations of a ${profile} key never break anything`, async () => {
    const random = seededRandom(11);
    const others = [mine.certificate.bytes, foreign.genericRevocation];
    for (let round = 0; round < 300; round += 1) {
      const input = round % 2 === 0 ? mine.genericRevocation : gnupgFile(mine.genericRevocation);
      const found = await whichRevoked(all, mutate(random, input, others));
      if (found !== undefined)
        assert.equal(found.certificate.fingerprint, mine.certificate.fingerprint);
    }
  });

  test(`the generic revocation of an unlocked ${profile} key is like the one made with it`, async () => {
    using key = await readSecretKey(mine.secretKey);
    const made = await genericRevocationFor(key, NOW);
    const read = readKeySignature(made.subarray(2));
    assert.deepEqual(read?.reason, { code: 0, text: "escrowed at generation" });
    assert.deepEqual(read.created, after(NOW, -60_000));
    const revoked = await applyRevocation(mine.certificate, made);
    assert(revoked);
    const library = await readKey({ binaryKey: revoked.bytes, config: certificateConfig });
    assert.equal(await library.isRevoked(undefined, undefined, CREATED, certificateConfig), true);
  });
}

/** What GnuPG writes to `openpgp-revocs.d`: text, and a colon that keeps the armor from being read by mistake. */
function gnupgFile(revocation: Uint8Array): Uint8Array {
  const text = Buffer.from(armor("PUBLIC KEY BLOCK", revocation)).toString();
  return Buffer.from(
    `This is a revocation certificate for the OpenPGP key:\n\npub   ed25519\n\n:${text}`,
  );
}

/** A certificate with revocations that name its key and do not verify. */
function withDamaged(certificate: Uint8Array, revocation: Uint8Array, count: number): Uint8Array {
  const damaged = Array.from({ length: count }, (_, nth) => {
    const copy = Buffer.from(revocation);
    copy.writeUInt16BE(nth, copy.length - 2);
    return copy;
  });
  const read = readKeyPackets(certificate, 50);
  assert(read.kind === "read");
  const [primary, ...rest] = read.packets.map(({ tag, body }) => writePacket(tag, body));
  assert(primary);
  return Buffer.concat([primary, ...damaged, ...rest]);
}
