import assert from "node:assert/strict";
import { test } from "node:test";

import { cpuStopwatch } from "../../../test/support/cpu-time.ts";
import { flags, newForge } from "../../../test/support/forge-certificate.ts";
import {
  MADE,
  PASSPHRASE,
  base,
  rsa,
  plain,
  other,
  locked,
  argon2,
  modern,
  refusal,
} from "../../../test/support/keys-to-import.ts";
import { mutate, seededRandom } from "../../../test/support/mutate.ts";
import {
  ADA,
  NOW,
  QUICK,
  USER,
  armored,
  forgedSecret,
  joined,
  libraryKey,
  packetsOf,
  patched,
  publicOctets,
  withSecrets,
} from "../../../test/support/secret-keys.ts";
import { DAY, SECOND, after } from "../../base/time.ts";
import { type ImportRefusal, explainRefusal } from "../imports/import-secret-key.ts";
import { generateKey } from "../keys/generate.ts";
import { revokeFresh } from "../keys/revocation.ts";
import { readSecretKey } from "../keys/secret-key.ts";
import { TAG } from "../packets/certificate-parts.ts";
import { packet } from "../packets/packet.ts";
import { secretBodyFor, serializeSecret } from "../packets/secret-packets.ts";
import { partsOf } from "./certificate.ts";
import { importCertificate } from "./import-certificate.ts";

const forge = await newForge(MADE);

const rsaForge = await newForge(MADE, { type: "rsa", rsaBits: 3072 });

const own = await generateKey({ address: ADA, profile: "compat", now: MADE });

test("what is not one secret key is named", async () => {
  const cases: readonly [string, Uint8Array, ImportRefusal][] = [
    ["nothing", new Uint8Array(), "malformed"],
    ["text", Buffer.from("my key"), "malformed"],
    ["a page", Buffer.from("<!doctype html><p>Sign in"), "malformed"],
    ["half of one", plain.slice(0, 300), "malformed"],
    ["armor without end", armored(plain).subarray(0, 400), "malformed"],
    ["a message", packet(18, Buffer.alloc(50)), "malformed"],
    [
      "a packet that does not belong",
      Buffer.concat([plain, packet(11, Buffer.alloc(9))]),
      "malformed",
    ],
    ["a subkey in front", joined(packetsOf(plain).slice(3)), "malformed"],
    ["too many octets", Buffer.concat([plain, packet(60, Buffer.alloc(300_000))]), "too-large"],
    ["thousands of user IDs", Buffer.concat([plain, manyUserIds(5000)]), "too-large"],
    ["hundreds of user IDs", Buffer.concat([plain, manyUserIds(400)]), undefined as never],
    ["two keys", Buffer.concat([plain, other]), "not-one-key"],
    ["two armored keys", Buffer.concat([armored(plain), armored(other)]), "not-one-key"],
    ["a key and a certificate", Buffer.concat([plain, own.certificate.bytes]), "not-one-key"],
    ["a certificate", own.certificate.bytes, "no-secret-part"],
    [
      "an armored certificate",
      armored(own.certificate.bytes, "PUBLIC KEY BLOCK"),
      "no-secret-part",
    ],
    ["version 3", withVersion(plain, 3), "unsupported-version"],
    ["version 5", withVersion(plain, 5), "unsupported-version"],
  ];
  for (const [name, bytes, reason] of cases) assert.equal(await refusal(bytes), reason, name);
});

function manyUserIds(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, nth) => packet(13, Buffer.from(`user ${nth}`))),
  );
}

function withVersion(bytes: Uint8Array, version: number): Buffer {
  return withSecrets(bytes, (body) => Buffer.concat([Buffer.of(version), body.subarray(1)]));
}

test("a certificate beside its secret key is no obstacle", async () => {
  const both = Buffer.concat([armored(own.certificate.bytes, "PUBLIC KEY BLOCK"), armored(plain)]);
  assert.equal(await refusal(both), undefined);
});

test("a secret that is not here is named", async () => {
  const dummy = (mode: number) => [254, 7, 101, 2, 0x47, 0x4e, 0x55, mode];
  const absent = (only: number) =>
    withSecrets(plain, (body, tag) =>
      tag === only
        ? Buffer.concat([body.subarray(0, publicOctets(tag)), Buffer.from(dummy(1))])
        : body,
    );
  assert.equal(await refusal(absent(TAG.secretKey)), "no-secret-part");
  assert.equal(await refusal(absent(TAG.secretSubkey)), "no-secret-part");
  assert.equal(await refusal(patched(plain, 0, ...dummy(2))), "no-secret-part");
});

test("a passphrase is asked for, and a wrong one is named", async () => {
  for (const bytes of [locked, argon2]) {
    assert.equal(await refusal(bytes), "passphrase-needed");
    for (const passphrase of ["", "correct horsf", "x".repeat(5000)]) {
      assert.equal(await refusal(bytes, { passphrase }), "wrong-passphrase");
    }
    assert.equal(await refusal(bytes, { passphrase: PASSPHRASE }), undefined);
  }
});

test("protection that takes too long is refused before anything is derived", async () => {
  // Usage, cipher, AEAD, kind, 16 octets of salt; then passes, lanes, memory.
  const argon = (passes: number, lanes: number, exponent: number) =>
    refusal(patched(argon2, 20, passes, lanes, exponent), { passphrase: "x" });
  assert.equal(await argon(255, 4, 16), "costly-protection");
  // The first recommendation of RFC 9580 §3.7.1.4: one pass over 2 GiB.
  assert.equal(await argon(1, 4, 21), "costly-protection");
  assert.match(explainRefusal("costly-protection"), /2 GiB/);
  assert.equal(await argon(4, 4, 16), "costly-protection");
  assert.equal(await argon(1, 4, 18), "costly-protection");
  assert.equal(await argon(1, 4, 30), "costly-protection");
  assert.equal(await argon(2, 4, 17), "costly-protection");
  assert.equal(await argon(3, 4, 16), "wrong-passphrase");
  // Less memory than the lanes need, and no lanes: RFC 9580 does not allow it.
  assert.equal(await argon(1, 4, 4), "unsupported-protection");
  assert.equal(await argon(1, 0, 10), "unsupported-protection");
  // Usage, cipher, kind, hash, 8 octets of salt; then the count.
  const slowest = patched(locked, 12, 0xff);
  assert.equal(await refusal(slowest, { passphrase: "x" }), "wrong-passphrase");
});

test("many keys that each take long are refused together", async () => {
  const config = { s2kIterationCountByte: 0xff };
  const subkeys = Array.from({ length: 11 }, () => ({}));
  const made = { ...base, subkeys, passphrase: PASSPHRASE, config: QUICK };
  const many = patched(await libraryKey(made), 12, config.s2kIterationCountByte);
  assert.equal(await refusal(many, { passphrase: PASSPHRASE }), "costly-protection");
  const more = { ...made, subkeys: [...subkeys, {}] };
  assert.equal(await refusal(await libraryKey(more), { passphrase: PASSPHRASE }), "too-large");
});

test("outdated protection is named", async () => {
  for (const usage of [1, 7, 9, 255]) {
    assert.equal(
      await refusal(patched(locked, 0, usage), { passphrase: PASSPHRASE }),
      "unsupported-protection",
    );
  }
  // CAST5, and S2K without a salt.
  assert.equal(await refusal(patched(locked, 1, 3)), "unsupported-protection");
  assert.equal(await refusal(patched(locked, 2, 0)), "unsupported-protection");
  // Argon2 without AEAD.
  const argonCfb = patched(locked, 2, 4, ...Array.from({ length: 16 }, () => 7), 1, 1, 10);
  assert.equal(await refusal(argonCfb, { passphrase: PASSPHRASE }), "malformed");
  for (const usage of [7, 255]) {
    const broken = withSecrets(modern, (body) =>
      Buffer.concat([body.subarray(0, 42), Buffer.of(usage), body.subarray(43)]),
    );
    assert.equal(await refusal(broken, { passphrase: PASSPHRASE }), "unsupported-protection");
  }
});

/** Its OID with its length. */
const SECP256K1 = "2b8104000a";

test("what acceptance refuses is refused by its name", async () => {
  using key = await readSecretKey(own.secretKey);
  const revoked = partsOf(await revokeFresh({ key, reasonCode: 3, text: "", now: NOW }));
  const secrets = packetsOf(own.secretKey.reveal());
  assert(revoked);
  const revokedKey = serializeSecret(revoked, (body) => secretBodyFor(secrets, body)).reveal();
  const plan = { date: MADE, userIds: [USER] };
  const cases: readonly [string, Uint8Array, ImportRefusal | undefined][] = [
    ["revoked", revokedKey, "revoked"],
    ["expired", await libraryKey({ ...base, lifetimeSeconds: 3600 }), "expired"],
    ["of tomorrow", await libraryKey({ ...base, date: after(NOW, DAY) }), "not-yet-valid"],
    ["no subkey", await forgedSecret(forge, { ...plan, withoutSubkey: true }), "no-encryption-key"],
    [
      "no flags",
      await forgedSecret(forge, { ...plan, binding: { keyFlags: null } }),
      "no-encryption-key",
    ],
    [
      "may not sign",
      await forgedSecret(forge, { ...plan, certification: { keyFlags: flags(1) } }),
      "no-signing-key",
    ],
    [
      "SHA-1",
      await forgedSecret(rsaForge, { ...plan, certification: { hashAlgorithm: 2 } }),
      "weak-algorithm",
    ],
    ["another's name", await libraryKey({ ...base, user: "eve@post.example" }), "wrong-user-id"],
    [
      "two addresses",
      await libraryKey({ ...base, user: "ada.quill@post.example <eve@post.example>" }),
      "wrong-user-id",
    ],
    ["RSA of 2048", await libraryKey({ ...rsa, rsaBits: 2048 }), "weak-algorithm"],
    ["RSA of 1024", await libraryKey({ ...rsa, rsaBits: 1024 }), "weak-algorithm"],
    [
      "RSA subkey of 2048",
      await libraryKey({ ...rsa, rsaBits: 3072, subkeys: [{ type: "rsa", rsaBits: 2048 }] }),
      "weak-algorithm",
    ],
    [
      "secp256k1",
      packet(5, Buffer.from(`04000000001305${SECP256K1}020304${"17".repeat(64)}0000`, "hex")),
      "unsupported-algorithm",
    ],
    [
      "DSA",
      packet(5, Buffer.from("0400000000110001010001010001010001010000010100020102", "hex")),
      "weak-algorithm",
    ],
    [
      "of the future",
      packet(5, Buffer.from("040000000063aabbccddeeff", "hex")),
      "unsupported-algorithm",
    ],
  ];
  for (const [name, bytes, reason] of cases) assert.equal(await refusal(bytes), reason, name);
  assert.equal(await refusal(plain, { address: "ada.quill+x@post.example" }), "wrong-user-id");
});

test("an uploaded certificate that is not to be published is refused by its name", async () => {
  const of = async (bytes: Uint8Array, now = NOW) => {
    const elapsed = cpuStopwatch();
    const result = await importCertificate({ bytes, address: ADA, now });
    assert(elapsed() < SECOND, "it took more than a second");
    return result.kind === "refused" ? result.reason : undefined;
  };
  const { bytes } = own.certificate;
  const thousands = Buffer.concat([bytes, manyUserIds(5000)]);
  for (const [given, reason] of [
    [bytes, undefined],
    [armored(bytes, "PUBLIC KEY BLOCK"), undefined],
    [plain, "secret-key"],
    [armored(plain), "secret-key"],
    [Buffer.concat([bytes, plain]), "secret-key"],
    [Buffer.concat([bytes, bytes]), "not-one-key"],
    [Buffer.concat(Array.from({ length: 20 }, () => bytes)), "not-one-key"],
    [Buffer.from("<html>"), "malformed"],
    [bytes.slice(0, -7), "malformed"],
    [thousands, "too-large"],
    [Buffer.alloc(300_000, 0xc6), "too-large"],
    [withVersionOf(bytes, 3), "unsupported-version"],
  ] as const) {
    assert.equal(await of(given), reason);
  }
  assert.equal(await of(bytes, after(NOW, 4 * 365 * DAY)), "expired");
  assert.equal(await of(bytes, after(MADE, -DAY)), "not-yet-valid");
  const random = seededRandom(99);
  for (let round = 0; round < 500; round += 1) await of(mutate(random, bytes, [thousands]));
});

function withVersionOf(bytes: Uint8Array, version: number): Buffer {
  return joined(
    packetsOf(bytes).map(({ tag, body }) => ({
      tag,
      body: tag === TAG.publicKey ? Buffer.concat([Buffer.of(version), body.subarray(1)]) : body,
    })),
  );
}

test("every refusal says what to do, without words of the trade at its start", () => {
  const reasons: readonly (ImportRefusal | "secret-key")[] = [
    "malformed",
    "too-large",
    "not-one-key",
    "secret-key",
    "no-secret-part",
    "passphrase-needed",
    "wrong-passphrase",
    "costly-protection",
    "unsupported-protection",
    "mismatched-parts",
    "expired",
    "revoked",
    "not-yet-valid",
    "no-encryption-key",
    "no-signing-key",
    "weak-algorithm",
    "unsupported-algorithm",
    "wrong-user-id",
    "bad-self-signature",
    "unsupported-version",
  ];
  const texts = reasons.map((reason) => explainRefusal(reason));
  assert.equal(new Set(texts).size, reasons.length);
  for (const text of texts) assert.match(text, /^[A-Z].{30,}\.$/);
});
