import { cursorOver, writeInteger } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import type { KeySignature } from "./key-signature.ts";

/** How many integers a signature has, by its public-key algorithm (RFC 9580 §5.2.3); others have octets of a fixed size. */
const INTEGERS: Readonly<Record<number, number>> = { 1: 1, 3: 1, 17: 2, 19: 2, 22: 2 };

/**
 * What makes a signature the one it is: what it signs and its numbers. Anybody can change the unhashed area, the two
 * octets of the hash, zeros before a number and what follows the last number. Signatures that differ in these alone are
 * therefore the same.
 */
export function signatureId(signature: KeySignature): string {
  const { hashedPart } = signature;
  return [hashedPart, valueOf(signature)]
    .map((bytes) => Buffer.from(bytes).toString("base64"))
    .join(" ");
}

function valueOf({ version, keyAlgorithm, afterSubpackets }: KeySignature): Uint8Array {
  const hashOctets = 2;
  const count = INTEGERS[keyAlgorithm];
  if (count === undefined) return afterSubpackets.subarray(hashOctets);
  try {
    const cursor = cursorOver(afterSubpackets);
    cursor.take(hashOctets);
    const salt = version === 6 ? cursor.take(cursor.octet()) : Buffer.alloc(0);
    const integers = Array.from({ length: count }, () => writeInteger(cursor.integer()));
    return Buffer.concat([salt, ...integers]);
  } catch (error) {
    if (error instanceof Damaged) return afterSubpackets;
    throw error;
  }
}
