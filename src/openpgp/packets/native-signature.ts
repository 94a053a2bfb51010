import { type VerifyKeyObjectInput, createHash, verify } from "node:crypto";

import { cursorOver, padStart } from "./cursor.ts";
import type { KeySignature } from "./key-signature.ts";
import { publicKeyOf, readPublicPart } from "./native-key.ts";

/** OpenSSL's names of the hashes that a signature over a key may have (RFC 9580 §9.5). */
const HASHES: Readonly<Record<number, string>> = {
  8: "sha256",
  9: "sha384",
  10: "sha512",
  12: "sha3-256",
  14: "sha3-512",
};

/**
 * Hashes that are too weak for anything but a revocation, where GnuPG and Sequoia accept them: SHA-1, RIPEMD-160 and
 * SHA-224. To believe an old revocation wrongly is the smaller harm.
 */
const REVOCATION_HASHES: Readonly<Record<number, string>> = {
  2: "sha1",
  3: "ripemd160",
  11: "sha224",
};

/** True for a hash that counts for a revocation alone. */
export const isRevocationHash = (algorithm: number): boolean => algorithm in REVOCATION_HASHES;

/** True for a hash that counts for every signature over a key. */
export const isGoodHash = (algorithm: number): boolean => algorithm in HASHES;

/** The OIDs of the Brainpool curves (RFC 9580 §9.2) begin so, after their length. */
const OID_PREFIX = Buffer.from("2b240303020801", "hex");
const ECDSA = 19;
const EDDSA_LEGACY = 22;
const ED448 = 28;

/** True for the body of an ECDSA key packet on a Brainpool curve. */
export function isBrainpool(keyBody: Uint8Array): boolean {
  const start = keyBody[0] === 6 ? 10 : 6;
  const oid = Buffer.from(keyBody).subarray(start + 1, start + 1 + OID_PREFIX.length);
  return keyBody[5] === ECDSA && oid.equals(OID_PREFIX);
}

/**
 * The mathematics of a signature over a key, where OpenPGP.js does not do it. For a Brainpool key it needs a package that
 * it does not bring along. It refuses revocations without an issuer or with a weak hash. `signed` is what stands before
 * the signature's own octets in the hash (RFC 9580 §5.2.4). Ed25519 and Ed448 sign no weak hash (RFC 9580 §5.2.3.4,
 * §5.2.3.5).
 */
export function verifyNatively(
  signature: KeySignature,
  keyBody: Uint8Array,
  signed: Uint8Array,
): boolean {
  const hash = hashOf(signature);
  if (hash === undefined) return false;
  try {
    const part = readPublicPart(keyBody);
    // Two octets of the hash come first, then for v6 a salt (RFC 9580 §5.2.3).
    const cursor = cursorOver(signature.afterSubpackets);
    cursor.take(2);
    const salt = signature.version === 6 ? cursor.take(cursor.octet()) : Buffer.alloc(0);
    const data = Buffer.concat([salt, hashedOctets(signature, signed)]);
    const key = publicKeyOf(part);
    if (part.kind === "rsa") {
      return verify(hash, data, key, padStart(cursor.integer(), part.modulus.length));
    }
    const { octets } = part.curve;
    const twoIntegers = (): Buffer =>
      Buffer.concat([cursor.integer(), cursor.integer()].map((each) => padStart(each, octets)));
    if (part.kind === "ec") {
      const ec: VerifyKeyObjectInput = { key, dsaEncoding: "ieee-p1363" };
      return verify(hash, data, ec, twoIntegers());
    }
    const digest = digestOf(hash, data);
    if (signature.keyAlgorithm === EDDSA_LEGACY) return verify(null, digest, key, twoIntegers());
    const isLong = digest.length >= (signature.keyAlgorithm === ED448 ? 64 : 32);
    return isLong && verify(null, digest, key, cursor.take(2 * octets));
  } catch {
    return false;
  }
}

/**
 * Says whether the two octets that a signature shows of its hash fit what it may be over (RFC 9580 §5.2.3), given the
 * pieces that follow `start`; these are hashed once. That proves nothing; it says cheaply where a signature belongs.
 */
export function startHashOctets(
  signature: KeySignature,
  start: readonly Uint8Array[],
): (rest: readonly Uint8Array[]) => boolean {
  const hash = hashOf(signature);
  if (hash === undefined) return () => false;
  const { afterSubpackets, version } = signature;
  const saltEnd = 3 + (afterSubpackets[2] ?? 0);
  const salt = version === 6 ? afterSubpackets.subarray(3, saltEnd) : Buffer.alloc(0);
  const started = createHash(hash).update(salt);
  for (const piece of start) started.update(piece);
  const shown = afterSubpackets.subarray(0, 2);
  return (rest) => {
    const going = started.copy();
    for (const piece of [...rest, signature.hashedPart, trailerOf(signature)]) going.update(piece);
    return going.digest().subarray(0, 2).equals(shown);
  };
}

function hashOf({ hashAlgorithm }: KeySignature): string | undefined {
  return HASHES[hashAlgorithm] ?? REVOCATION_HASHES[hashAlgorithm];
}

const digestOf = (hash: string, data: Uint8Array): Buffer => createHash(hash).update(data).digest();

/** RFC 9580 §5.2.4, without the salt of v6. */
function hashedOctets(signature: KeySignature, signed: Uint8Array): Buffer {
  return Buffer.concat([signed, signature.hashedPart, trailerOf(signature)]);
}

function trailerOf({ version, hashedPart }: KeySignature): Buffer {
  const trailer = Buffer.from([version, 0xff, 0, 0, 0, 0]);
  trailer.writeUInt32BE(hashedPart.length, 2);
  return trailer;
}
