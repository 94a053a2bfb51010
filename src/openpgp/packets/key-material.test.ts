import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";

import { type KeyMaterial, readKeyMaterial } from "./key-material.ts";
import { isSmallOrder } from "./small-order.ts";

const integer = (hex: string): Buffer => {
  const value = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  const bits = 8 * value.length - Math.clz32((value[0] ?? 0) << 24);
  return Buffer.concat([Buffer.from([bits >> 8, bits & 0xff]), value]);
};
const v4 = (algorithm: number, ...material: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([4, 0x60, 0, 0, 0, algorithm]), ...material]);
const v6 = (algorithm: number, ...material: readonly Buffer[]): Buffer => {
  const octets = Buffer.concat(material);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([Buffer.from([6, 0x60, 0, 0, 0, algorithm]), length, octets]);
};
const strengthOf = (body: Buffer) => readKeyMaterial(body)?.strength;

const modulus = (bits: number, end = "f"): Buffer => integer(`${"f".repeat(bits / 4 - 1)}${end}`);
const E = integer("10001");

const RSA: readonly [string, Buffer, KeyMaterial["strength"]][] = [
  ["2048 bits", v4(1, modulus(2048), E), "good"],
  ["8192 bits", v4(1, modulus(8192), E), "good"],
  ["exponent 3", v4(1, modulus(2048), integer("3")), "good"],
  ["exponent 1", v4(1, modulus(2048), integer("1")), "weak"],
  ["an even exponent", v4(1, modulus(2048), integer("10000")), "weak"],
  ["a very long exponent", v4(1, modulus(2048), modulus(2048)), "weak"],
  ["an even modulus", v4(1, modulus(2048, "e"), E), "weak"],
  ["2047 bits", v4(1, integer(`7${"f".repeat(511)}`), E), "weak"],
  ["1024 bits", v4(1, modulus(1024), E), "weak"],
  ["more than 8192 bits", v4(1, modulus(8200), E), "weak"],
  ["32768 bits", v4(1, modulus(32768), E), "weak"],
  ["octets behind it", v4(1, modulus(2048), E, Buffer.from([0])), "malformed"],
  ["a wrong bit count", v4(1, Buffer.from([0x08, 0x01, 0xff, 0xff]), E), "malformed"],
  ["an end too early", v4(1, modulus(2048)), "malformed"],
];
for (const [name, body, strength] of RSA) {
  test(`an RSA key with ${name} is ${strength}`, () => {
    assert.equal(strengthOf(body), strength);
  });
}

const oid = (hex: string): Buffer => Buffer.from([hex.length / 2, ...Buffer.from(hex, "hex")]);
const P256 = oid("2a8648ce3d030107");
const ED25519 = oid("2b06010401da470f01");
const CURVE25519 = oid("2b060104019755010501");
const KDF = Buffer.from([3, 1, 8, 9]);
const pointOf = (): Buffer => {
  const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
    format: "jwk",
  });
  const octets = [jwk.x ?? "", jwk.y ?? ""].map((part) => Buffer.from(part, "base64url"));
  return Buffer.concat([Buffer.from([4]), ...octets]);
};
const native = integer(`40${"17".repeat(32)}`);
const point = pointOf();

const OTHERS: readonly [string, Buffer, KeyMaterial["strength"]][] = [
  ["ECDSA on P-256", v4(19, P256, integer(point.toString("hex"))), "good"],
  ["ECDH on P-256", v4(18, P256, integer(point.toString("hex")), KDF), "good"],
  ["a point that is not on the curve", v4(19, P256, integer(`04${"17".repeat(64)}`)), "malformed"],
  ["ECDSA on secp256k1", v4(19, oid("2b8104000a"), integer(point.toString("hex"))), "unsupported"],
  ["ECDSA on Ed25519's OID", v4(19, ED25519, native), "malformed"],
  ["EdDSALegacy", v4(22, ED25519, native), "good"],
  ["EdDSALegacy in v6", v6(22, ED25519, native), "malformed"],
  ["Curve25519Legacy", v4(18, CURVE25519, native, KDF), "good"],
  ["Curve25519Legacy without KDF parameters", v4(18, CURVE25519, native), "malformed"],
  [
    "Curve25519Legacy with SHA-1",
    v4(18, CURVE25519, native, Buffer.from([3, 1, 2, 9])),
    "malformed",
  ],
  ["Curve25519Legacy of order 1", v4(18, CURVE25519, integer(`40${"00".repeat(32)}`), KDF), "weak"],
  ["Ed25519", v6(27, Buffer.alloc(32, 0x17)), "good"],
  ["Ed25519 of order 1", v6(27, Buffer.from(`01${"00".repeat(31)}`, "hex")), "weak"],
  ["X25519 of order 1", v6(25, Buffer.alloc(32)), "weak"],
  ["X25519 that is too short", v6(25, Buffer.alloc(31, 1)), "malformed"],
  ["X448", v6(26, Buffer.alloc(56, 0x17)), "good"],
  ["Ed448", v6(28, Buffer.alloc(57, 0x17)), "good"],
  ["DSA", v4(17, modulus(3072)), "weak"],
  ["ElGamal", v4(16, modulus(3072)), "weak"],
  ["an unknown algorithm", v4(99, Buffer.alloc(40, 1)), "unsupported"],
  ["ML-DSA-65 with Ed25519 (RFC 9980)", v6(30, Buffer.alloc(1984, 1)), "unsupported"],
  ["ML-KEM-768 with X25519 (RFC 9980)", v4(35, Buffer.alloc(1216, 1)), "unsupported"],
  ["SLH-DSA (RFC 9980)", v6(32, Buffer.alloc(32, 1)), "unsupported"],
];
for (const [name, body, strength] of OTHERS) {
  test(`${name} is ${strength}`, () => {
    assert.equal(strengthOf(body), strength);
  });
}

test("other versions and short packets are not read", () => {
  for (const version of [2, 3, 5, 7]) {
    assert.equal(
      readKeyMaterial(Buffer.from([version, ...v4(27, Buffer.alloc(32, 1)).subarray(1)])),
      undefined,
    );
  }
  assert.equal(readKeyMaterial(Buffer.from([4, 0, 0])), undefined);
  assert.equal(readKeyMaterial(Buffer.alloc(0)), undefined);
});

test("a v6 key whose length does not fit is malformed", () => {
  const body = v6(27, Buffer.alloc(32, 0x17));
  body.writeUInt32BE(33, 6);
  assert.equal(strengthOf(body), "malformed");
});

test("the fingerprint of RFC 9580's v4 Ed25519Legacy sample is computed from its octets", () => {
  const body = Buffer.from(
    "0453f35f0b16092b06010401da470f0101074" +
      "03f098994bdd916ed4053197934e4a87c80733a1280d62f8010992e43ee3b2406",
    "hex",
  );
  assert.equal(readKeyMaterial(body)?.fingerprint, "C959BDBAFA32A2F89A153B678CFDE12197965A9A");
});

test("OpenSSL agrees that the listed X25519 and X448 points are of small order", () => {
  for (const [algorithm, type, prefix] of [
    [25, "x25519", "302a300506032b656e032100"],
    [26, "x448", "3042300506032b656f033900"],
  ] as const) {
    const { privateKey } = generateKeyPairSync(type as "x25519");
    for (const octets of candidates(algorithm)) {
      const key = Buffer.concat([Buffer.from(prefix, "hex"), octets]);
      const publicKey = createPublicKey({ key, format: "der", type: "spki" });
      assert(isSmallOrder(algorithm, octets));
      assert.throws(() => diffieHellman({ privateKey, publicKey }));
    }
    const der = createPublicKey(
      createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" })),
    ).export({ format: "der", type: "spki" });
    assert.equal(isSmallOrder(algorithm, der.subarray(prefix.length / 2)), false);
  }
});

function candidates(algorithm: 25 | 26): readonly Buffer[] {
  const length = algorithm === 25 ? 32 : 56;
  const one = Buffer.alloc(length);
  one[0] = 1;
  const points = [Buffer.alloc(length), one];
  if (algorithm === 26) {
    return [...points, Buffer.from(`${"ff".repeat(28)}fe${"ff".repeat(27)}`, "hex")];
  }
  const hex = [
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}ff`,
  ];
  return [...points, ...hex.map((text) => Buffer.from(text, "hex"))];
}
