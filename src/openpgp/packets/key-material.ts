import { ECDH, createHash } from "node:crypto";

import { asBuffer } from "../../base/bytes.ts";
import { fromUnixSeconds } from "../../base/time.ts";
import { type Fingerprint, fingerprintOfBytes } from "./fingerprint.ts";
import { isSmallOrder } from "./small-order.ts";

/** What a public key or subkey packet says about itself (RFC 9580 §5.5.2). Nothing in it is signed. */
export type KeyMaterial = {
  readonly version: 4 | 6;
  readonly fingerprint: Fingerprint;
  readonly created: Date;
  readonly algorithm: { readonly id: number; readonly name: string; readonly bits: number };
  readonly maySign: boolean;
  readonly mayEncrypt: boolean;
  /**
   * `weak`: an algorithm, size or parameter that we refuse. `unsupported`: an algorithm or curve that we do not know, which
   * may be stronger than those that we do. `malformed`: not in canonical form.
   */
  readonly strength: "good" | "weak" | "unsupported" | "malformed";
};

type Judgement = Pick<KeyMaterial, "maySign" | "mayEncrypt" | "strength"> & {
  readonly name: string;
  readonly bits: number;
};

/** Reads the body of a public key packet; undefined for other versions than 4 and 6 and for what is too short. */
export function readKeyMaterial(body: Uint8Array): KeyMaterial | undefined {
  const bytes = asBuffer(body);
  const version = bytes[0];
  if ((version !== 4 && version !== 6) || bytes.length < 12) return undefined;
  const id = bytes.readUInt8(5);
  const material = bytes.subarray(version === 6 ? 10 : 6);
  const hasLength = version === 4 || bytes.readUInt32BE(6) === material.length;
  const { name, bits, ...judgement } = hasLength ? judge(id, version, material) : malformed(id);
  const fingerprint = fingerprintOf(version, bytes);
  if (fingerprint === undefined) return undefined;
  const created = fromUnixSeconds(bytes.readUInt32BE(1));
  return { version, fingerprint, created, algorithm: { id, name, bits }, ...judgement };
}

/** RFC 9580 §5.5.4. */
function fingerprintOf(version: 4 | 6, body: Buffer): Fingerprint | undefined {
  // A v4 fingerprint counts the length in two octets.
  if (version === 4 && body.length > 0xffff) return undefined;
  const prefix = Buffer.alloc(version === 4 ? 3 : 5);
  prefix.writeUInt8(version === 4 ? 0x99 : 0x9b);
  if (version === 4) prefix.writeUInt16BE(body.length, 1);
  else prefix.writeUInt32BE(body.length, 1);
  const hash = createHash(version === 4 ? "sha1" : "sha256");
  return fingerprintOfBytes(hash.update(prefix).update(body).digest());
}

/** RFC 9580 §9.1. */
const NAMES: Readonly<Record<number, string>> = {
  1: "RSA",
  2: "RSA",
  3: "RSA",
  16: "ElGamal",
  17: "DSA",
  18: "ECDH",
  19: "ECDSA",
  20: "ElGamal",
  22: "EdDSALegacy",
  25: "X25519",
  26: "X448",
  27: "Ed25519",
  28: "Ed448",
};

const nameOf = (id: number): string => NAMES[id] ?? `unknown (${id})`;

function refused(
  id: number,
  strength: Exclude<KeyMaterial["strength"], "good">,
  bits = 0,
): Judgement {
  return { name: nameOf(id), bits, maySign: false, mayEncrypt: false, strength };
}

const malformed = (id: number): Judgement => refused(id, "malformed");

/** DSA and ElGamal. */
const OUTDATED: ReadonlySet<number> = new Set([16, 17, 20]);

function judge(id: number, version: 4 | 6, material: Buffer): Judgement {
  if (id >= 1 && id <= 3) return judgeRsa(id, material);
  if (id === 18 || id === 19 || id === 22) return judgeCurve(id, version, material);
  if (id >= 25 && id <= 28) return judgeFixed(id, material);
  if (OUTDATED.has(id)) return refused(id, "weak", readInteger(material)?.bits);
  // What we do not know, among it the post-quantum algorithms of RFC 9980.
  return refused(id, "unsupported");
}

/** RFC 9580 §5.5.5.1, with our limits: 2048 to 8192 bits, odd, and an exponent that is odd, at least 3 and short. */
function judgeRsa(id: number, material: Buffer): Judgement {
  const n = readInteger(material);
  const e = n && readInteger(n.rest);
  if (n === undefined || e === undefined || e.rest.length > 0) return malformed(id);
  const isOdd = [n, e].every(({ value }) => ((value.at(-1) ?? 0) & 1) === 1);
  // Exponent 1 would put the session key on the wire as it is.
  const isGood = isOdd && n.bits >= 2048 && n.bits <= 8192 && e.bits >= 2 && e.bits <= 64;
  if (!isGood) return refused(id, "weak", n.bits);
  return { name: "RSA", bits: n.bits, maySign: id !== 2, mayEncrypt: id !== 3, strength: "good" };
}

type Curve = {
  readonly bits: number;
  /** OpenSSL's name where the point must be on the curve; the others have their own form. */
  readonly openssl?: string;
  readonly for: readonly number[];
};

/** Curves by OID in hex (RFC 9580 §9.2). secp256k1 is left out on purpose. */
const CURVES: Readonly<Record<string, Curve>> = {
  "2a8648ce3d030107": { bits: 256, openssl: "prime256v1", for: [18, 19] },
  "2b81040022": { bits: 384, openssl: "secp384r1", for: [18, 19] },
  "2b81040023": { bits: 521, openssl: "secp521r1", for: [18, 19] },
  "2b2403030208010107": { bits: 256, openssl: "brainpoolP256r1", for: [18, 19] },
  "2b240303020801010b": { bits: 384, openssl: "brainpoolP384r1", for: [18, 19] },
  "2b240303020801010d": { bits: 512, openssl: "brainpoolP512r1", for: [18, 19] },
  "2b06010401da470f01": { bits: 256, for: [22] },
  "2b060104019755010501": { bits: 256, for: [18] },
};

/** RFC 9580 §5.5.5.3 to §5.5.5.6: an OID, a point and, for ECDH, parameters of its key derivation. */
function judgeCurve(id: number, version: 4 | 6, material: Buffer): Judgement {
  const oidLength = material[0] ?? 0;
  const curve = CURVES[material.toString("hex", 1, 1 + oidLength)];
  const point = readInteger(material.subarray(1 + oidLength));
  if (curve === undefined) return refused(id, "unsupported");
  const hasEnd = id === 18 ? isKdf(point?.rest) : point?.rest.length === 0;
  if (point === undefined || !hasEnd || !curve.for.includes(id)) return malformed(id);
  const refusal = refusalOfPoint(id, version, curve, point.value);
  if (refusal !== undefined) return refused(id, refusal, curve.bits);
  const maySign = id !== 18;
  return { name: nameOf(id), bits: curve.bits, maySign, mayEncrypt: !maySign, strength: "good" };
}

function refusalOfPoint(
  id: number,
  version: 4 | 6,
  curve: Curve,
  point: Buffer,
): "weak" | "malformed" | undefined {
  if (curve.openssl !== undefined) return isOnCurve(point, curve.openssl) ? undefined : "malformed";
  // The legacy forms of Curve25519 MUST NOT appear in v6 keys (RFC 9580 §9.2).
  if (version === 6 || point.length !== 33 || point[0] !== 0x40) return "malformed";
  return isSmallOrder(id, point.subarray(1)) ? "weak" : undefined;
}

/** RFC 9580 §5.5.5.7 to §5.5.5.10: native octets of one length. */
function judgeFixed(id: number, material: Buffer): Judgement {
  const length = { 25: 32, 26: 56, 27: 32, 28: 57 }[id];
  if (material.length !== length) return malformed(id);
  const maySign = id >= 27;
  const bits = length === 32 ? 256 : 448;
  if (isSmallOrder(id, material)) return refused(id, "weak", bits);
  return { name: nameOf(id), bits, maySign, mayEncrypt: !maySign, strength: "good" };
}

/** KDF parameters of ECDH: 3, 1, a hash of SHA-2, a cipher of AES (RFC 9580 §11.5). */
function isKdf(bytes: Buffer | undefined): boolean {
  const [length, reserved, hash = 0, cipher = 0] = bytes ?? [];
  const isAllowed = hash >= 8 && hash <= 10 && cipher >= 7 && cipher <= 9;
  return bytes?.length === 4 && length === 3 && reserved === 1 && isAllowed;
}

function isOnCurve(point: Buffer, curve: string): boolean {
  try {
    ECDH.convertKey(point, curve);
    return point[0] === 4;
  } catch {
    return false;
  }
}

/** A multiprecision integer without leading zero bits (RFC 9580 §3.2); undefined when its length is wrong. */
function readInteger(
  bytes: Buffer,
): { readonly bits: number; readonly value: Buffer; readonly rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined;
  const bits = bytes.readUInt16BE();
  const end = 2 + Math.ceil(bits / 8);
  const value = bytes.subarray(2, end);
  const isCanonical = bits > 0 && 8 * value.length - Math.clz32((value[0] ?? 0) << 24) === bits;
  return end <= bytes.length && isCanonical
    ? { bits, value, rest: bytes.subarray(end) }
    : undefined;
}
