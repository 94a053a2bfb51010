/** Which key of a certificate is encrypted to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { enums } from "openpgp";

import {
  ADA,
  MADE,
  NOW,
  daysAgo,
  type Facts,
  type Forge,
  expiresIn,
  flags,
  newForge,
  packetOf,
  primaryOf,
  read,
  sign,
  subkeyOf,
  userIdOf,
} from "../../../test/support/forge-certificate.ts";
import { after, MINUTE, SECOND } from "../../base/time.ts";
import { TAG, writePacket } from "../packets/certificate-parts.ts";
import { acceptForEncryption } from "./acceptance.ts";

const RSA = { type: "rsa", rsaBits: 2048, config: { minRSABits: 2048 } } as const;
const [forge, older, newer, rsa, edge, future] = await Promise.all([
  newForge(MADE),
  newForge(daysAgo(50)),
  newForge(daysAgo(20)),
  newForge(MADE, RSA),
  newForge(after(NOW, 10 * MINUTE)),
  newForge(after(NOW, 11 * MINUTE)),
]);
const weak = await newForge(daysAgo(20), {
  type: "rsa",
  rsaBits: 1024,
  config: { minRSABits: 1024 },
});
const signing = await newForge(daysAgo(20), { subkeys: [{ sign: true }] });

type Bound = {
  readonly of: Forge;
  readonly facts?: Facts;
  readonly revokedAt?: Date;
  readonly boundAt?: Date;
  /** Of a binding a second later. */
  readonly second?: Facts;
};

const idOf = ({ secret }: Forge): string => secret.subkeys[0]?.getFingerprint().toUpperCase() ?? "";

/** What comes of a certificate with these subkeys: the fingerprint of the one that is left, or the reason. */
async function chosen(subkeys: readonly Bound[], by = forge, primaryFlags = 3): Promise<string> {
  const key = await primaryOf(by);
  const primary = by.secret.keyPacket;
  const userID = userIdOf("ada.quill@post.example");
  const certified = await sign(primary, "certPositive", { key, userID }, MADE, {
    keyFlags: flags(primaryFlags),
  });
  const parts = [
    writePacket(TAG.publicKey, key.write()),
    writePacket(TAG.userId, userID.write()),
    packetOf(certified),
  ];
  for (const { of, facts, second, revokedAt, boundAt = daysAgo(1) } of subkeys) {
    const bind = await subkeyOf(of);
    const over = { key, bind };
    parts.push(writePacket(TAG.publicSubkey, bind.write()));
    if (revokedAt !== undefined) {
      parts.push(packetOf(await sign(primary, "subkeyRevocation", over, revokedAt)));
    }
    const rest = { keyFlags: flags(12), ...facts };
    parts.push(packetOf(await sign(primary, "subkeyBinding", over, boundAt, rest)));
    if (second !== undefined) {
      const then = after(boundAt, SECOND);
      parts.push(packetOf(await sign(primary, "subkeyBinding", over, then, second)));
    }
  }
  const acceptance = await acceptForEncryption(await read(Buffer.concat(parts)), ADA, NOW);
  return acceptance.kind === "unusable"
    ? acceptance.reason
    : acceptance.certificate.subkeyFingerprints.join(" ");
}

test("of several good subkeys the newest one counts, whatever stands first", async () => {
  assert.equal(await chosen([{ of: older }, { of: newer }]), idOf(newer));
  assert.equal(await chosen([{ of: newer }, { of: older }]), idOf(newer));
});

const SIGNING = { keyFlags: flags(2) };
const UNUSABLE: readonly (readonly [string, Bound, string])[] = [
  ["has expired", { of: newer, facts: expiresIn(60) }, "expired"],
  ["is revoked", { of: newer, revokedAt: daysAgo(1) }, "revoked"],
  ["is weak", { of: weak }, "weak-algorithm"],
  ["is weak, and for signing alone", { of: weak, facts: SIGNING }, "no-encryption-key"],
  [
    "is no longer for encryption",
    { of: newer, second: { keyFlags: flags(0x20) } },
    "no-encryption-key",
  ],
  ["is for signing alone", { of: newer, facts: SIGNING }, "no-encryption-key"],
  ["cannot encrypt, whatever its flags say", { of: signing }, "no-encryption-key"],
  ["is from the future", { of: future, boundAt: NOW }, "not-yet-valid"],
  ["is bound in the future", { of: newer, boundAt: after(NOW, 11 * MINUTE) }, "not-yet-valid"],
];
for (const [what, bound, reason] of UNUSABLE) {
  test(`where the newest subkey ${what}, an older good one counts, and alone it is ${reason}`, async () => {
    assert.equal(await chosen([bound, { of: older }]), idOf(older));
    assert.equal(await chosen([bound]), reason);
  });
}

test("a subkey, and its binding, may be ten minutes ahead", async () => {
  assert.equal(await chosen([{ of: edge, boundAt: after(NOW, 10 * MINUTE) }]), idOf(edge));
});

test("a certificate whose primary key is from the future is not taken, whatever its subkeys", async () => {
  assert.equal(await chosen([{ of: older }], future), "not-yet-valid");
});

test("a primary key is encrypted to only where it can, may, and no subkey does", async () => {
  const may = 3 | 12;
  assert.equal(await chosen([], rsa, may), "");
  assert.equal(await chosen([{ of: older }], rsa, may), idOf(older));
  assert.equal(await chosen([{ of: newer, facts: expiresIn(60) }], rsa, may), "");
  assert.equal(await chosen([], rsa, 3), "no-encryption-key");
  assert.equal(await chosen([], forge, may), "no-encryption-key");
});

/** A certificate of `rsa` with these self-signatures, key revocations and binding. */
async function built(o: {
  readonly revocations?: readonly Uint8Array[];
  readonly certifications: readonly Uint8Array[];
  readonly binding: Uint8Array;
}): Promise<string> {
  const parts = [
    writePacket(TAG.publicKey, (await primaryOf(rsa)).write()),
    ...(o.revocations ?? []),
    writePacket(TAG.userId, userIdOf("ada.quill@post.example").write()),
    ...o.certifications,
    writePacket(TAG.publicSubkey, (await subkeyOf(rsa)).write()),
    o.binding,
  ];
  const acceptance = await acceptForEncryption(await read(Buffer.concat(parts)), ADA, NOW);
  return acceptance.kind === "unusable" ? acceptance.reason : "acceptable";
}

function damaged(packet: Uint8Array, at = 5): Uint8Array {
  const changed = Uint8Array.from(packet);
  changed[changed.length - at] = (changed[changed.length - at] ?? 0) ^ 1;
  return changed;
}

test("what was damaged, or is too much to look at, is no word of the owner's and leads to no clear text", async () => {
  const key = await primaryOf(rsa);
  const bind = await subkeyOf(rsa);
  const over = { key, userID: userIdOf("ada.quill@post.example") };
  const primary = rsa.secret.keyPacket;
  const certify = async (facts: Facts) =>
    packetOf(
      await sign(primary, "certPositive", over, daysAgo(10), { keyFlags: flags(3), ...facts }),
    );
  const good = await certify({});
  const old = await certify({ hashAlgorithm: enums.hash.sha1 });
  const binding = packetOf(
    await sign(primary, "subkeyBinding", { key, bind }, daysAgo(10), { keyFlags: flags(12) }),
  );
  const revocation = packetOf(await sign(primary, "keyRevocation", { key }, daysAgo(5)));
  assert.equal(await built({ certifications: [old, good], binding }), "acceptable");
  assert.equal(await built({ certifications: [old], binding }), "weak-algorithm");
  const uncertain = "bad-self-signature";
  assert.equal(await built({ certifications: [old, damaged(good)], binding }), uncertain);
  assert.equal(await built({ certifications: [damaged(good)], binding }), uncertain);
  assert.equal(await built({ certifications: [good], binding: damaged(binding) }), uncertain);
  const revocations = Array.from({ length: 70 }, (_, index) => damaged(revocation, 5 + index));
  assert.equal(await built({ revocations, certifications: [good], binding }), uncertain);
  assert.equal(
    await built({ revocations: [revocation], certifications: [good], binding }),
    "revoked",
  );
});
