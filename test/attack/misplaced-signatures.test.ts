/** A signature of a certificate counts wherever it stands: what was moved away or appended hides nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY, HOUR, MINUTE, SECOND, after, toUnixSeconds } from "../../src/base/time.ts";
import {
  acceptForEncryption,
  checkSigner,
  revocationOf,
} from "../../src/openpgp/certificates/acceptance.ts";
import { TAG, writePacket } from "../../src/openpgp/packets/certificate-parts.ts";
import { parseCertificates, partsOf } from "../../src/openpgp/certificates/certificate.ts";
import { bigEndian } from "../../src/openpgp/packets/cursor.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { importCertificate } from "../../src/openpgp/certificates/import-certificate.ts";
import { ownKeys } from "../../src/openpgp/keys/own-keys.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { startSignature } from "../../src/openpgp/keys/sign.ts";
import { signedOctets } from "../../src/openpgp/packets/signed-octets.ts";
import { whichRevoked } from "../../src/openpgp/certificates/which-revoked.ts";
import { cpuStopwatch } from "../support/cpu-time.ts";
import {
  expiresIn,
  flags,
  newForge,
  packetOf,
  primaryOf,
  sign,
  subkeyOf,
  userIdOf,
} from "../support/forge-certificate.ts";
import { ADA, NOW, armored, imported, packetsOf } from "../support/secret-keys.ts";

const MADE = after(NOW, -10 * DAY);
const PUBLIC = "PUBLIC KEY BLOCK";

async function judged(bytes: Uint8Array): Promise<string> {
  const parsed = await parseCertificates(bytes);
  assert(parsed.kind === "parsed", JSON.stringify(parsed));
  const [certificate] = parsed.certificates;
  assert(certificate);
  const acceptance = await acceptForEncryption(certificate, ADA, NOW);
  return acceptance.kind === "unusable" ? acceptance.reason : acceptance.kind;
}

/** Every place of a certificate and of an upload where a revocation may stand. */
function placesOf(bytes: Uint8Array, revocation: Uint8Array): [string, Uint8Array][] {
  const packets = packetsOf(bytes).map(({ tag, body }) => writePacket(tag, body));
  const within = packets
    .map((_, at) => [...packets.slice(0, at + 1), revocation, ...packets.slice(at + 1)])
    .map((all, at): [string, Uint8Array] => [`behind packet ${String(at)}`, Buffer.concat(all)]);
  const text = armored(bytes, PUBLIC);
  return [
    ...within,
    ["in front", Buffer.concat([revocation, bytes])],
    ["in a second block", Buffer.concat([text, armored(revocation, PUBLIC)])],
    ["in a block in front", Buffer.concat([armored(revocation, PUBLIC), text])],
    ["in the block of a signature", Buffer.concat([text, armored(revocation, "SIGNATURE")])],
    ["behind trust and padding", Buffer.concat([bytes, writePacket(12, Buffer.of(1)), revocation])],
    [
      "behind a user attribute",
      Buffer.concat([bytes, writePacket(TAG.userAttribute, Buffer.of(3, 1, 2, 3)), revocation]),
    ],
  ];
}

for (const profile of ["compat", "modern"] as const) {
  const key = await generateKey({ address: ADA, profile, now: MADE });
  const other = await generateKey({ address: ADA, profile, now: MADE });

  test(`a revocation of a ${profile} key counts in any place and in any block`, async () => {
    for (const [place, bytes] of placesOf(key.certificate.bytes, key.genericRevocation)) {
      const parsed = await parseCertificates(bytes);
      assert(parsed.kind === "parsed", place);
      const [certificate] = parsed.certificates;
      assert(certificate && parsed.certificates.length === 1, place);
      assert.equal(await judged(bytes), "revoked", place);
      const signer = { keyFingerprint: certificate.fingerprint, signedAt: after(NOW, -HOUR) };
      const check = await checkSigner(certificate, ADA, signer);
      assert.deepEqual(check, { kind: "not-bound", reason: "hard-revoked" }, place);
      const import_ = await importCertificate({ bytes, address: ADA, now: NOW });
      assert.deepEqual(import_, { kind: "refused", reason: "revoked" }, place);
      assert.equal((await revocationOf(certificate)).kind, "hard", place);
      const upload = await whichRevoked([other.certificate, key.certificate], bytes);
      assert.equal(upload?.certificate.fingerprint, key.certificate.fingerprint, place);
    }
  });

  test(`a revocation of another ${profile} key revokes nothing, wherever it stands`, async () => {
    for (const [place, bytes] of placesOf(key.certificate.bytes, other.genericRevocation)) {
      assert.equal(await judged(bytes), "acceptable", place);
    }
  });

  test(`of two ${profile} certificates in one input the right one is revoked`, async () => {
    for (const bytes of [
      [key.certificate.bytes, key.genericRevocation, other.certificate.bytes],
      [other.certificate.bytes, key.genericRevocation, key.certificate.bytes],
      [key.certificate.bytes, other.certificate.bytes, key.genericRevocation],
      [key.genericRevocation, other.certificate.bytes, key.certificate.bytes],
    ]) {
      const parsed = await parseCertificates(Buffer.concat(bytes));
      assert(parsed.kind === "parsed");
      for (const certificate of parsed.certificates) {
        const isRevoked = (await revocationOf(certificate)).kind !== "none";
        assert.equal(isRevoked, certificate.fingerprint === key.certificate.fingerprint);
      }
    }
  });

  test(`a secret ${profile} key with its revocation beside it is refused as revoked`, async () => {
    const secret = key.secretKey.reveal();
    for (const [place, bytes] of [
      ["in a block of its own", [armored(secret), armored(key.genericRevocation, PUBLIC)]],
      [
        "in the block of a signature",
        [armored(secret), armored(key.genericRevocation, "SIGNATURE")],
      ],
      ["in front", [armored(key.genericRevocation, PUBLIC), armored(secret)]],
      [
        "with its certificate",
        [
          armored(Buffer.concat([key.certificate.bytes, key.genericRevocation]), PUBLIC),
          armored(secret),
        ],
      ],
      ["behind its last packet", [secret, key.genericRevocation]],
    ] as const) {
      const import_ = await imported(Buffer.concat(bytes), { address: ADA, now: NOW });
      assert.deepEqual(import_, { kind: "refused", reason: "revoked" }, place);
    }
    const alone = await imported(secret, { address: ADA, now: NOW });
    assert.equal(alone.kind, "importable");
  });
}

test("a revocation that does not say whose it is is tried", async () => {
  const { certificate, secretKey } = await generateKey({
    address: ADA,
    profile: "compat",
    now: MADE,
  });
  using key = await readSecretKey(secretKey);
  const [primary] = ownKeys(key);
  assert(primary);
  const made = startSignature({
    key: primary,
    type: 0x20,
    // Its creation time alone (RFC 9580 §5.2.3.11).
    hashed: Buffer.concat([Buffer.of(5, 2), bigEndian(toUnixSeconds(NOW), 4)]),
    unhashed: new Uint8Array(),
  });
  const parts = partsOf(certificate);
  assert(parts);
  made.update(signedOctets({ key: parts.primary.body }));
  const revocation = writePacket(TAG.signature, made.finish());
  assert.equal(await judged(Buffer.concat([certificate.bytes, revocation])), "revoked");
});

/** A certificate with signatures of one's own choice behind its last component. */
async function forgedWith(
  signatures: readonly Uint8Array[],
  forge: Awaited<ReturnType<typeof newForge>>,
  o: { readonly binding?: Uint8Array; readonly certification?: Uint8Array } = {},
): Promise<{ readonly certificate: Uint8Array }> {
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const userID = userIdOf("ada.quill@post.example");
  const primary = forge.secret.keyPacket;
  const certify = { keyFlags: flags(3) };
  const certification =
    o.certification ??
    packetOf(await sign(primary, "certPositive", { key, userID }, MADE, certify));
  const encrypt = { keyFlags: flags(12) };
  const binding =
    o.binding ?? packetOf(await sign(primary, "subkeyBinding", { key, bind }, MADE, encrypt));
  const certificate = Buffer.concat([
    writePacket(TAG.publicKey, key.write()),
    writePacket(TAG.userId, userID.write()),
    certification,
    writePacket(TAG.publicSubkey, bind.write()),
    binding,
    ...signatures,
  ]);
  return { certificate };
}

test("the revocation of a subkey or of a user ID counts behind another component", async () => {
  const forge = await newForge(MADE);
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const userID = userIdOf("ada.quill@post.example");
  const primary = forge.secret.keyPacket;
  const certified = packetOf(
    await sign(primary, "certPositive", { key, userID }, MADE, { keyFlags: flags(3) }),
  );
  const ofSubkey = packetOf(await sign(primary, "subkeyRevocation", { key, bind }, NOW));
  const ofUser = packetOf(await sign(primary, "certRevocation", { key, userID }, NOW));
  const behindUser = Buffer.concat([certified, ofSubkey]);
  const moved = await forgedWith([], forge, { certification: behindUser });
  assert.equal(await judged(moved.certificate), "revoked");
  assert.equal(await judged((await forgedWith([ofUser], forge)).certificate), "revoked");
  const beside = Buffer.concat([
    armored((await forgedWith([], forge)).certificate, PUBLIC),
    armored(ofUser, PUBLIC),
  ]);
  assert.equal(await judged(beside), "revoked");
});

test("a binding counts wherever it stands, and so does the end that it sets", async () => {
  const forge = await newForge(MADE);
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const userID = userIdOf("ada.quill@post.example");
  const primary = forge.secret.keyPacket;
  const ended = { ...expiresIn(3600), keyFlags: flags(12) };
  const later = after(MADE, MINUTE);
  const direct = packetOf(await sign(primary, "key", { key }, later, expiresIn(3600)));
  const shorter = packetOf(await sign(primary, "subkeyBinding", { key, bind }, later, ended));
  const certification = packetOf(
    await sign(primary, "certPositive", { key, userID }, MADE, { keyFlags: flags(3) }),
  );
  assert.equal(await judged((await forgedWith([], forge)).certificate), "acceptable");
  assert.equal(await judged((await forgedWith([direct], forge)).certificate), "expired");
  const behindUser = Buffer.concat([certification, shorter]);
  const misplaced = await forgedWith([], forge, { certification: behindUser });
  assert.equal(await judged(misplaced.certificate), "expired");
  const swapped = await forgedWith([certification], forge, { certification: new Uint8Array() });
  assert.equal(await judged(swapped.certificate), "acceptable");
});

test("hundreds of signatures in the wrong place are put aside quickly", async () => {
  const forge = await newForge(MADE);
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const revocation = packetOf(
    await sign(forge.secret.keyPacket, "subkeyRevocation", { key, bind }, NOW),
  );
  const { certificate } = await forgedWith(
    Array.from({ length: 480 }, (_, nth) => {
      const copy = Buffer.from(revocation);
      copy.writeUInt16BE(nth, copy.length - 2);
      return copy;
    }),
    forge,
  );
  const elapsed = cpuStopwatch();
  // So many that one may have been missed: nothing is encrypted to it, and nothing leaves in clear for that reason.
  assert.equal(await judged(certificate), "bad-self-signature");
  assert(elapsed() < SECOND, `${String(elapsed())} ms`);
});

/** A signature of version 6 by a key that is not there, which fits nothing (RFC 9580 §5.2.3). */
function unfit(o: { readonly type: number; readonly algorithm: number; readonly nth: number }) {
  const { type, algorithm, nth } = o;
  const created = Buffer.from([5, 2, 0x65, 0, 0, 0]);
  return writePacket(
    TAG.signature,
    Buffer.concat([
      Buffer.of(6, type, algorithm, 14),
      bigEndian(created.length, 4),
      created,
      bigEndian(0, 4),
      bigEndian(nth, 2),
      Buffer.of(32),
      Buffer.alloc(32, nth),
      Buffer.alloc(64),
    ]),
  );
}

test("signatures over long packets cost no more time than short ones", async () => {
  const users = Array.from({ length: 100 }, (_, nth) =>
    writePacket(TAG.userId, Buffer.from(`u${String(nth)}@evil.example`)),
  );
  const revocations = Array.from({ length: 60 }, (_, nth) =>
    unfit({ type: 0x30, algorithm: 27, nth }),
  );
  const ofLength = (version: number, length: number): Buffer =>
    Buffer.concat([
      Buffer.of(version),
      bigEndian(toUnixSeconds(MADE), 4),
      Buffer.of(27),
      version === 6 ? bigEndian(length, 4) : Buffer.alloc(0),
      Buffer.alloc(length, 7),
    ]);
  const long = writePacket(TAG.publicKey, ofLength(6, 200_000));
  const good = writePacket(TAG.publicKey, ofLength(6, 32));
  const longUsers = Array.from({ length: 100 }, (_, nth) =>
    writePacket(TAG.userId, Buffer.alloc(2000, nth)),
  );
  const subkeys = Array.from({ length: 100 }, (_, nth) =>
    writePacket(TAG.publicSubkey, Buffer.concat([ofLength(6, 2000), Buffer.of(nth)])),
  );
  const bindings = Array.from({ length: 60 }, (_, nth) =>
    unfit({ type: 0x28, algorithm: 27, nth }),
  );
  const inputs: readonly (readonly Uint8Array[])[] = [
    [long, ...users, ...revocations],
    [good, ...longUsers, ...revocations],
    [good, ...subkeys, ...bindings],
    Array.from({ length: 8 }, () => [good, ...users.slice(50), ...revocations.slice(50)]).flat(),
  ];
  for (const [nth, packets] of inputs.entries()) {
    const elapsed = cpuStopwatch();
    const parsed = await parseCertificates(Buffer.concat(packets));
    const certificates = parsed.kind === "parsed" ? parsed.certificates : [];
    for (const certificate of certificates) {
      const acceptance = await acceptForEncryption(certificate, ADA, NOW);
      assert.equal(acceptance.kind, "unusable");
    }
    assert(elapsed() < SECOND / 2, `input ${String(nth)}: ${String(elapsed())} ms`);
  }
});

test("a certificate whose signatures are too many to place is refused as a whole", async () => {
  const forge = await newForge(MADE);
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const revocation = packetOf(
    await sign(forge.secret.keyPacket, "subkeyRevocation", { key, bind }, NOW),
  );
  const { version, algorithm } = forge.secret.keyPacket;
  const hashed = Buffer.concat([Buffer.of(5, 2), bigEndian(toUnixSeconds(NOW), 4)]);
  const junk = Array.from({ length: 60 }, (_, nth) =>
    writePacket(
      TAG.signature,
      Buffer.concat([
        Buffer.of(version, 0x30, algorithm, 8),
        bigEndian(hashed.length, version === 6 ? 4 : 2),
        hashed,
        bigEndian(0, version === 6 ? 4 : 2),
        bigEndian(nth, 2),
        ...(version === 6 ? [Buffer.of(16), Buffer.alloc(16)] : []),
        Buffer.of(0, 1, 1, 0, 1, 1),
      ]),
    ),
  );
  const users = Array.from({ length: 100 }, (_, nth) =>
    writePacket(TAG.userId, Buffer.alloc(2000, nth)),
  );
  const { certificate } = await forgedWith([...users, ...junk, revocation], forge);
  const parsed = await parseCertificates(certificate);
  assert.deepEqual(parsed, { kind: "malformed", reason: "too-large" });
});

test("a subkey that is longer than its length can say is read, and bound by nothing", async () => {
  const forge = await newForge(MADE);
  const long = writePacket(TAG.publicSubkey, Buffer.alloc(70_000, 4));
  const revocation = packetOf(
    await sign(
      forge.secret.keyPacket,
      "subkeyRevocation",
      { key: await primaryOf(forge), bind: await subkeyOf(forge) },
      NOW,
    ),
  );
  const { certificate } = await forgedWith([long, revocation], forge);
  assert.equal(await judged(certificate), "revoked");
});
