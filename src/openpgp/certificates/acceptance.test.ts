import assert from "node:assert/strict";
import { test } from "node:test";
import { enums, readKey } from "openpgp";

import { within } from "../../../test/support/cpu-time.ts";
import {
  type Forge,
  type Plan,
  expiresIn,
  flags,
  forgeCertificate,
  forged,
  newForge,
  packetOf,
  primaryOf,
  read,
  sign,
  userIdOf,
  wholeSecond,
} from "../../../test/support/forge-certificate.ts";
import { after, DAY, HOUR, MINUTE, SECOND, systemClock } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { generateKey } from "../keys/generate.ts";
import { TAG, writePacket } from "../packets/certificate-parts.ts";
import { type Acceptance, acceptForEncryption } from "./acceptance.ts";
import { partsOf } from "./certificate.ts";
import { certificateConfig, generationConfig } from "./profile.ts";

const NOW = wholeSecond(systemClock.now());
const daysAgo = (days: number): Date => after(NOW, -days * DAY);
const parsed = parseAddress("ada.quill@post.example");
assert(parsed);
const ADA = parsed;
const forge = await newForge(daysAgo(100));
const stranger = await newForge(daysAgo(100));

async function accept(plan: Partial<Plan> = {}, by: Forge = forge): Promise<Acceptance> {
  return acceptForEncryption(await forged(by, { date: daysAgo(100), ...plan }), ADA, NOW);
}

const TWO_DAYS = expiresIn((2 * DAY) / SECOND);

test("an honest certificate is acceptable", async () => {
  const acceptance = await accept();
  assert.equal(acceptance.kind, "acceptable");
  assert.equal(acceptance.expires, undefined);
});

test("it expires when the first of primary key, self-signature and encryption subkey does", async () => {
  const days = (count: number) => expiresIn((count * DAY) / SECOND);
  const expiries = [
    await accept({ certification: days(200), binding: days(300) }),
    await accept({ certification: days(300), binding: days(200) }),
    await accept({ certification: days(300), direct: days(200) }),
    await accept({
      certification: {
        signatureExpirationTime: (200 * DAY) / SECOND,
        signatureNeverExpires: false,
      },
    }),
  ];
  for (const acceptance of expiries) {
    assert(acceptance.kind === "acceptable");
    assert.deepEqual(acceptance.expires, after(daysAgo(100), 200 * DAY));
  }
});

type Refusal = Extract<Acceptance, { kind: "unusable" }>["reason"];

const critical = {
  name: "new@rule.example",
  value: flags(1),
  humanReadable: false,
  critical: true,
};

const REFUSED: readonly [string, Partial<Plan>, Refusal][] = [
  ["another address", { userIds: ["ada@post.example"] }, "wrong-user-id"],
  ["no user ID", { userIds: [] }, "wrong-user-id"],
  [
    "two addresses in one user ID",
    { userIds: ["ada.quill@post.example <m@evil.example>"] },
    "wrong-user-id",
  ],
  ["a user ID that somebody else signed", { certifier: stranger }, "bad-self-signature"],
  ["a critical notation", { certification: { rawNotations: [critical] } }, "bad-self-signature"],
  ["a self-signature from the future", { date: after(NOW, 11 * MINUTE) }, "not-yet-valid"],
  ["an expired primary key", { certification: TWO_DAYS }, "expired"],
  ["a primary key expired by its direct-key signature", { direct: TWO_DAYS }, "expired"],
  [
    "an expired self-signature",
    { certification: { signatureExpirationTime: 60, signatureNeverExpires: false } },
    "expired",
  ],
  ["an expired subkey", { binding: TWO_DAYS }, "expired"],
  ["a subkey without flags", { binding: { keyFlags: null } }, "no-encryption-key"],
  ["a subkey for signing only", { binding: { keyFlags: flags(2) } }, "no-encryption-key"],
  ["no subkey", { withoutSubkey: true }, "no-encryption-key"],
  ["a revoked key", { revocations: [{ type: "keyRevocation", date: daysAgo(1) }] }, "revoked"],
  [
    "a revocation dated in the future",
    { revocations: [{ type: "keyRevocation", date: after(NOW, DAY) }] },
    "revoked",
  ],
  ["a revoked user ID", { revocations: [{ type: "certRevocation", date: daysAgo(1) }] }, "revoked"],
  [
    "a revoked subkey",
    { revocations: [{ type: "subkeyRevocation", date: daysAgo(1) }] },
    "revoked",
  ],
];
for (const [name, plan, reason] of REFUSED) {
  test(`${name} is refused: ${reason}`, async () => {
    assert.deepEqual(await accept(plan), { kind: "unusable", reason });
  });
}

test("keys that somebody else revoked stay acceptable", async () => {
  for (const type of ["keyRevocation", "subkeyRevocation", "certRevocation"] as const) {
    const acceptance = await accept({ revocations: [{ type, date: daysAgo(1), by: stranger }] });
    assert.equal(acceptance.kind, "acceptable", type);
  }
});

const rsa = await newForge(daysAgo(100), {
  type: "rsa",
  rsaBits: 2048,
  config: { minRSABits: 2048 },
});
const HASHES: readonly [string, Partial<Plan>, Refusal | undefined][] = [
  ["SHA-256", { certification: { hashAlgorithm: enums.hash.sha256 } }, undefined],
  ["SHA-224", { certification: { hashAlgorithm: enums.hash.sha224 } }, "weak-algorithm"],
  ["SHA-1", { certification: { hashAlgorithm: enums.hash.sha1 } }, "weak-algorithm"],
  ["SHA-1 for its subkey", { binding: { hashAlgorithm: enums.hash.sha1 } }, "weak-algorithm"],
  [
    "a revocation with SHA-1",
    {
      revocations: [
        { type: "keyRevocation", date: daysAgo(1), facts: { hashAlgorithm: enums.hash.sha1 } },
      ],
    },
    "revoked",
  ],
];
for (const [name, plan, reason] of HASHES) {
  test(`a certificate bound with ${name} is ${reason ?? "acceptable"}`, async () => {
    const acceptance = await accept(plan, rsa);
    assert.equal(acceptance.kind === "unusable" ? acceptance.reason : undefined, reason);
  });
}

test("a clock that is up to ten minutes ahead is forgiven", async () => {
  const edge = after(NOW, 10 * MINUTE);
  assert.equal((await accept({ date: edge }, await newForge(edge))).kind, "acceptable");
  const future = await newForge(after(edge, SECOND));
  for (const date of [edge, after(edge, SECOND)]) {
    const refused = await accept({ date }, future);
    assert.deepEqual(refused, { kind: "unusable", reason: "not-yet-valid" });
  }
});

test("the newest self-signature decides, whatever stands first", async () => {
  const key = await primaryOf(forge);
  const userID = userIdOf("ada.quill@post.example");
  const over = { key, userID };
  const certify = async (days: number, facts: object) =>
    packetOf(
      await sign(forge.secret.keyPacket, "certPositive", over, daysAgo(days), {
        keyFlags: flags(3),
        ...facts,
      }),
    );
  const honest = await certify(100, {});
  const shortened = await certify(50, TWO_DAYS);
  const subkey = await forgeCertificate(forge, { date: daysAgo(100), userIds: [] });
  const primaryLength = writePacket(TAG.publicKey, key.write()).length;
  const build = (...signatures: Uint8Array[]) =>
    read(
      Buffer.concat([
        subkey.subarray(0, primaryLength),
        writePacket(TAG.userId, userID.write()),
        ...signatures,
        subkey.subarray(primaryLength),
      ]),
    );
  for (const certificate of [await build(honest, shortened), await build(shortened, honest)]) {
    const acceptance = await acceptForEncryption(certificate, ADA, NOW);
    assert.deepEqual(acceptance, { kind: "unusable", reason: "expired" });
  }
  const extended = await build(shortened, honest, await certify(10, {}));
  assert.equal((await acceptForEncryption(extended, ADA, NOW)).kind, "acceptable");
});

test("a designated revoker is ignored", async () => {
  const acceptance = await accept({
    direct: {
      revocationKeyClass: 0x80,
      revocationKeyAlgorithm: enums.publicKey.eddsaLegacy,
      revocationKeyFingerprint: Buffer.from(stranger.secret.getFingerprint(), "hex"),
    },
    revocations: [{ type: "keyRevocation", date: daysAgo(1), by: stranger }],
  });
  assert.equal(acceptance.kind, "acceptable");
});

test("what is accepted is reduced to primary key, the user ID, its subkey and their newest signatures", async () => {
  const certificate = await forged(forge, {
    date: daysAgo(100),
    userIds: ["m@evil.example", "ada.quill@post.example", "Ada Quill"],
    direct: {},
    revocations: [{ type: "keyRevocation", date: daysAgo(1), by: stranger }],
  });
  const acceptance = await acceptForEncryption(certificate, ADA, NOW);
  assert(acceptance.kind === "acceptable");
  const parts = partsOf(acceptance.certificate);
  assert(parts);
  assert.deepEqual(acceptance.certificate.userIds, ["ada.quill@post.example"]);
  assert.deepEqual(
    [parts.primary, ...parts.users, ...parts.subkeys].map(({ signatures }) =>
      signatures.map(({ type }) => type),
    ),
    [[0x1f], [0x13], [0x18]],
  );
  const again = await acceptForEncryption(acceptance.certificate, ADA, NOW);
  assert.deepEqual(again, acceptance);
  const key = await readKey({ binaryKey: acceptance.certificate.bytes, config: certificateConfig });
  await key.getEncryptionKey(undefined, NOW, undefined, certificateConfig);
});

test("a reduced certificate above 64 KiB is refused", async () => {
  const value = Buffer.alloc(30_000);
  const large = { name: "padding@post.example", value, humanReadable: false, critical: false };
  const acceptance = await accept({
    certification: { rawNotations: [large] },
    binding: { rawNotations: [large] },
    direct: { rawNotations: [large] },
  });
  assert.deepEqual(acceptance, { kind: "unusable", reason: "bad-self-signature" });
});

test("a v6 certificate whose direct-key signature has expired is refused", async () => {
  const config = generationConfig("modern");
  const v6 = await newForge(daysAgo(100), { type: "curve25519", config });
  const direct = { keyFlags: flags(3) };
  assert.equal((await accept({ direct }, v6)).kind, "acceptable");
  const expired = { ...direct, signatureExpirationTime: 60, signatureNeverExpires: false };
  const refused = await accept({ direct: expired }, v6);
  assert.deepEqual(refused, { kind: "unusable", reason: "expired" });
});

test("a v6 certificate needs its direct-key signature", async () => {
  const { certificate } = await generateKey({ address: ADA, profile: "modern", now: NOW });
  assert.equal((await acceptForEncryption(certificate, ADA, NOW)).kind, "acceptable");
  const parts = partsOf(certificate);
  assert(parts);
  const without = await read(
    Buffer.concat([
      writePacket(TAG.publicKey, parts.primary.body),
      ...[
        ...parts.users.map((user) => [TAG.userId, user] as const),
        ...parts.subkeys.map((subkey) => [TAG.publicSubkey, subkey] as const),
      ].flatMap(([tag, { body, signatures }]) => [
        writePacket(tag, body),
        ...signatures.map((each) => writePacket(TAG.signature, each.body)),
      ]),
    ]),
  );
  assert.deepEqual(await acceptForEncryption(without, ADA, NOW), {
    kind: "unusable",
    reason: "bad-self-signature",
  });
});

const ALGORITHMS: readonly [string, Parameters<typeof newForge>[1], Refusal | undefined][] = [
  ["RSA of 2048 bits", { type: "rsa", rsaBits: 2048, config: { minRSABits: 2048 } }, undefined],
  [
    "RSA of 1024 bits",
    { type: "rsa", rsaBits: 1024, config: { minRSABits: 1024 } },
    "weak-algorithm",
  ],
  ["NIST P-256", { type: "ecc", curve: "nistP256" }, undefined],
  ["NIST P-384", { type: "ecc", curve: "nistP384" }, undefined],
  ["NIST P-521", { type: "ecc", curve: "nistP521" }, undefined],
  ["Ed25519 and X25519 in v4", { type: "curve25519" }, undefined],
  ["Ed448 and X448 in v4", { type: "curve448" }, undefined],
];
for (const [name, options, reason] of ALGORITHMS) {
  test(`${name} is ${reason ?? "acceptable"}`, async () => {
    const acceptance = await accept({}, await newForge(daysAgo(100), options));
    assert.equal(acceptance.kind === "unusable" ? acceptance.reason : undefined, reason);
  });
}

test("judging one certificate takes milliseconds", async () => {
  const certificate = await forged(forge, { date: daysAgo(100) });
  await within(500, () => acceptForEncryption(certificate, ADA, after(NOW, HOUR)));
});
