import { verify } from "node:crypto";

import { cursorOver, padStart } from "./cursor.ts";
import type { KeySignature } from "./key-signature.ts";
import { publicKeyOf, readPublicPart } from "./native-key.ts";

/** Node's names of the hashes a signature over a key may have (RFC 9580 §9.5). */
const HASHES: Readonly<Record<number, string>> = {
  2: "sha1",
  8: "sha256",
  9: "sha384",
  10: "sha512",
  12: "sha3-256",
  14: "sha3-512",
};

/** The OIDs of the Brainpool curves (RFC 9580 §9.2) begin so, after their length. */
const OID_PREFIX = Buffer.from("2b240303020801", "hex");
const ECDSA = 19;

/** True for the body of an ECDSA key packet on a Brainpool curve. */
export function isBrainpool(keyBody: Uint8Array): boolean {
  const start = keyBody[0] === 6 ? 10 : 6;
  const oid = Buffer.from(keyBody).subarray(start + 1, start + 1 + OID_PREFIX.length);
  return keyBody[5] === ECDSA && oid.equals(OID_PREFIX);
}

/**
 * The mathematics of a signature over a key by a Brainpool key: OpenPGP.js verifies those only with a package that it
 * does not bring along. `signed` is what stands before the signature's own octets in the hash (RFC 9580 §5.2.4).
 */
export function verifyBrainpool(
  signature: KeySignature,
  keyBody: Uint8Array,
  signed: Uint8Array,
): boolean {
  const hash = HASHES[signature.hashAlgorithm];
  if (hash === undefined) return false;
  try {
    const part = readPublicPart(keyBody);
    if (part.kind !== "ec") return false;
    // Two octets of the hash come first, then for v6 a salt (RFC 9580 §5.2.3).
    const cursor = cursorOver(signature.afterSubpackets);
    cursor.take(2);
    const salt = signature.version === 6 ? cursor.take(cursor.octet()) : Buffer.alloc(0);
    const numbers = [cursor.integer(), cursor.integer()];
    const key = { key: publicKeyOf(part), dsaEncoding: "ieee-p1363" } as const;
    const octets = Buffer.concat(numbers.map((each) => padStart(each, part.curve.octets)));
    const data = Buffer.concat([salt, signed, signature.hashedPart, trailerOf(signature)]);
    return verify(hash, data, key, octets);
  } catch {
    return false;
  }
}

/** RFC 9580 §5.2.4. */
function trailerOf({ version, hashedPart }: KeySignature): Buffer {
  const trailer = Buffer.from([version, 0xff, 0, 0, 0, 0]);
  trailer.writeUInt32BE(hashedPart.length, 2);
  return trailer;
}
