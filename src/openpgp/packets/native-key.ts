import { type KeyObject, createPrivateKey, createPublicKey } from "node:crypto";

import { type Cursor, cursorOver, padStart } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { der, derInteger } from "./der.ts";

/** A NIST or Brainpool curve (RFC 9580 §9.2). */
type EcCurve = {
  readonly kind: "ec";
  readonly oid: string;
  readonly openssl: string;
  readonly octets: number;
};

/** Curve25519 or Curve448: its keys are octets in a form of their own. */
type EdwardsCurve = {
  readonly kind: "edwards" | "montgomery";
  /** OID in DER (RFC 8410 §3). */
  readonly oid: string;
  readonly openssl: "x25519" | "x448" | "ed25519" | "ed448";
  readonly octets: number;
};

/** What stands in a public key packet after version, time and algorithm (RFC 9580 §5.5.5), in the terms of OpenSSL. */
export type PublicPart =
  | { readonly kind: "rsa"; readonly modulus: Buffer; readonly exponent: Buffer }
  | { readonly kind: "ec"; readonly curve: EcCurve; readonly point: Buffer; readonly kdf?: Kdf }
  | {
      readonly kind: "edwards" | "montgomery";
      readonly curve: EdwardsCurve;
      readonly point: Buffer;
      readonly kdf?: Kdf;
    };

/** How ECDH of RFC 9580 §11.4 derives its key: curve OID, hash and cipher. */
export type Kdf = { readonly oid: Buffer; readonly hash: number; readonly cipher: number };

const ec = (oid: string, openssl: string, octets: number): EcCurve => ({
  kind: "ec",
  oid,
  openssl,
  octets,
});
const EC_CURVES: ReadonlyMap<string, EcCurve> = new Map(
  [
    ec("2a8648ce3d030107", "prime256v1", 32),
    ec("2b81040022", "secp384r1", 48),
    ec("2b81040023", "secp521r1", 66),
    ec("2b2403030208010107", "brainpoolP256r1", 32),
    ec("2b240303020801010b", "brainpoolP384r1", 48),
    ec("2b240303020801010d", "brainpoolP512r1", 64),
  ].map((curve) => [curve.oid, curve]),
);
const X25519: EdwardsCurve = { kind: "montgomery", oid: "2b656e", openssl: "x25519", octets: 32 };
const X448: EdwardsCurve = { kind: "montgomery", oid: "2b656f", openssl: "x448", octets: 56 };
const ED25519: EdwardsCurve = { kind: "edwards", oid: "2b6570", openssl: "ed25519", octets: 32 };
const ED448: EdwardsCurve = { kind: "edwards", oid: "2b6571", openssl: "ed448", octets: 57 };
const NATIVE: ReadonlyMap<number, EdwardsCurve> = new Map([
  [25, X25519],
  [26, X448],
  [27, ED25519],
  [28, ED448],
]);
/** OIDs of the legacy forms (RFC 9580 §9.2). */
const LEGACY: ReadonlyMap<string, EdwardsCurve> = new Map([
  ["2b06010401da470f01", ED25519],
  ["2b060104019755010501", X25519],
]);

/** Algorithms of ECDH, ECDSA and the legacy forms. */
const ECDH = 18;
const EDDSA_LEGACY = 22;

const PARTS = new WeakMap<Uint8Array, PublicPart>();

/** Reads the body of a public key packet, once. `readKeyMaterial` has judged it. @throws Damaged */
export function readPublicPart(body: Uint8Array): PublicPart {
  const part = PARTS.get(body) ?? publicPartIn(body);
  PARTS.set(body, part);
  return part;
}

function publicPartIn(body: Uint8Array): PublicPart {
  const cursor = cursorOver(body);
  const version = cursor.octet();
  cursor.take(4);
  const algorithm = cursor.octet();
  if (version === 6) cursor.take(4);
  if (algorithm <= 3) return { kind: "rsa", modulus: cursor.integer(), exponent: cursor.integer() };
  const native = NATIVE.get(algorithm);
  if (native !== undefined) {
    return { kind: native.kind, curve: native, point: cursor.take(native.octets) };
  }
  if (algorithm >= ECDH && algorithm <= EDDSA_LEGACY) return readCurvePart(cursor, algorithm);
  throw new Damaged("an algorithm that is not supported");
}

function readCurvePart(cursor: Cursor, algorithm: number): PublicPart {
  const oid = cursor.take(cursor.octet());
  const point = cursor.integer();
  const kdf = algorithm === ECDH ? { kdf: readKdf(cursor, oid) } : {};
  const legacy = LEGACY.get(oid.toString("hex"));
  // 0x40 marks a native point (RFC 9580 §5.5.5.3 and §5.5.5.5).
  if (legacy !== undefined) {
    return { kind: legacy.kind, curve: legacy, point: point.subarray(1), ...kdf };
  }
  const curve = EC_CURVES.get(oid.toString("hex"));
  if (curve === undefined) throw new Damaged("a curve that is not supported");
  return { kind: "ec", curve, point, ...kdf };
}

function readKdf(cursor: Cursor, oid: Buffer): Kdf {
  cursor.take(2);
  return { oid, hash: cursor.octet(), cipher: cursor.octet() };
}

const OBJECTS = new WeakMap<PublicPart, KeyObject>();

/** OpenSSL's object for verifying or encrypting, made once. */
export function publicKeyOf(part: PublicPart): KeyObject {
  const object = OBJECTS.get(part) ?? importPublic(part);
  OBJECTS.set(part, object);
  return object;
}

function importPublic(part: PublicPart): KeyObject {
  if (part.kind === "rsa") {
    const key = der("sequence", derInteger(part.modulus), derInteger(part.exponent));
    return createPublicKey({ key, format: "der", type: "pkcs1" });
  }
  return createPublicKey({ key: spkiOf(part), format: "der", type: "spki" });
}

/**
 * The public key of somebody's ephemeral octets on the curve of ours. Node makes and drops two errors for it; with their
 * stacks they take three times as long as the key.
 */
export function peerKeyOf(curve: EdwardsCurve, point: Buffer): KeyObject {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return createPublicKey({ key: point, format: "raw-public", asymmetricKeyType: curve.openssl });
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function spkiOf(part: Exclude<PublicPart, { kind: "rsa" }>): Buffer {
  const algorithm =
    part.kind === "ec"
      ? [der("oid", EC_PUBLIC_KEY), der("oid", Buffer.from(part.curve.oid, "hex"))]
      : [der("oid", Buffer.from(part.curve.oid, "hex"))];
  return der("sequence", der("sequence", ...algorithm), der("bits", Buffer.of(0), part.point));
}

/** `id-ecPublicKey` (RFC 5480 §2.1.1). */
const EC_PUBLIC_KEY = Buffer.from("2a8648ce3d0201", "hex");

/**
 * OpenSSL's object for signing or decrypting. `secret` is what follows the public part in an unlocked secret key packet
 * (RFC 9580 §5.5.5), without its checksum. What is made on the way is wiped.
 */
export function secretKeyOf(part: PublicPart, secret: Uint8Array, algorithm: number): KeyObject {
  const cursor = cursorOver(secret);
  if (part.kind === "rsa") return rsaSecretKey(part, cursor);
  if (part.kind === "ec") {
    const sec1 = ecSecret(part, padStart(cursor.integer(), part.curve.octets));
    return importAndWipe(sec1, "sec1");
  }
  const octets = edwardsSecret(part.curve, cursor, algorithm);
  const inner = der("octets", octets);
  const oid = der("oid", Buffer.from(part.curve.oid, "hex"));
  const pkcs8 = der(
    "sequence",
    derInteger(Buffer.of(0)),
    der("sequence", oid),
    der("octets", inner),
  );
  wipe(octets, inner);
  return importAndWipe(pkcs8, "pkcs8");
}

/** The secret scalar of an EC key; to be wiped. */
export function ecScalarOf(curve: EcCurve, secret: Uint8Array): Buffer {
  return padStart(cursorOver(secret).integer(), curve.octets);
}

function edwardsSecret({ octets }: EdwardsCurve, cursor: Cursor, algorithm: number): Buffer {
  if (NATIVE.has(algorithm)) return Buffer.from(cursor.take(octets));
  const integer = padStart(cursor.integer(), octets);
  // Curve25519Legacy keeps the scalar in big-endian order (RFC 9580 §5.5.5.6.1.1), Ed25519Legacy its seed as it is.
  return algorithm === ECDH ? integer.reverse() : integer;
}

/** RFC 5915 §3. */
function ecSecret(part: Extract<PublicPart, { kind: "ec" }>, scalar: Buffer): Buffer {
  const sec1 = der(
    "sequence",
    derInteger(Buffer.of(1)),
    der("octets", scalar),
    der("tag0", der("oid", Buffer.from(part.curve.oid, "hex"))),
    der("tag1", der("bits", Buffer.of(0), part.point)),
  );
  wipe(scalar);
  return sec1;
}

/** RFC 8017 A.1.2. OpenPGP's coefficient is that of p modulo q, so the primes change places. */
function rsaSecretKey(part: Extract<PublicPart, { kind: "rsa" }>, cursor: Cursor): KeyObject {
  const [d, p, q, u] = [cursor.integer(), cursor.integer(), cursor.integer(), cursor.integer()];
  const exponents = [remainder(d, q), remainder(d, p)];
  const integers = [part.modulus, part.exponent, d, q, p, ...exponents, u].map((each) =>
    derInteger(each),
  );
  const pkcs1 = der("sequence", derInteger(Buffer.of(0)), ...integers);
  wipe(...exponents, ...integers);
  return importAndWipe(pkcs1, "pkcs1");
}

/** d modulo prime - 1. */
function remainder(d: Buffer, prime: Buffer): Buffer {
  const value = numberOf(d) % (numberOf(prime) - 1n);
  return padStart(Buffer.from(evenHex(value), "hex"), prime.length);
}

function numberOf(magnitude: Buffer): bigint {
  if (magnitude.length === 0) throw new Damaged("an empty integer");
  return BigInt(`0x${magnitude.toString("hex")}`);
}

function evenHex(value: bigint): string {
  const hex = value.toString(16);
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

function importAndWipe(key: Buffer, type: "pkcs1" | "pkcs8" | "sec1"): KeyObject {
  try {
    return createPrivateKey({ key, format: "der", type });
  } finally {
    wipe(key);
  }
}

function wipe(...secrets: readonly Buffer[]): void {
  for (const secret of secrets) secret.fill(0);
}
