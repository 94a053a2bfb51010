import { equalBytes } from "../../base/bytes.ts";
import { MAY_ENCRYPT } from "../certificates/flags.ts";
import type { OwnKey } from "../keys/own-keys.ts";
import { startSigningWith } from "../keys/sign.ts";
import { openPkesk, readPkesk, writePkesk } from "../messages/pkesk.ts";
import { readDetachedSignatures } from "../messages/signature-facts.ts";
import { verifySignature } from "../messages/verify.ts";
import { cursorOver } from "../packets/cursor.ts";
import { Damaged } from "../packets/damaged.ts";
import type { PublicPart } from "../packets/native-key.ts";
import { readPackets } from "../packets/packet.ts";
import { newSessionKey } from "../packets/session-key.ts";

/**
 * Whether secret octets have the form that the public part asks for, and, of RSA, whether the numbers are those of the
 * public ones. It comes before anything is computed with them: arbitrary numbers could take minutes.
 */
export function hasSecretForm(part: PublicPart, secret: Uint8Array, algorithm: number): boolean {
  try {
    const cursor = cursorOver(secret);
    if (part.kind === "rsa") {
      const numbers = [cursor.integer(), cursor.integer(), cursor.integer(), cursor.integer()];
      return cursor.left() === 0 && isRsa(part, numbers);
    }
    const { octets } = part.curve;
    const value = algorithm >= FIRST_NATIVE ? cursor.take(octets) : cursor.integer();
    return cursor.left() === 0 && value.length > 0 && value.length <= octets;
  } catch (error) {
    if (error instanceof Damaged) return false;
    throw error;
  }
}

/** X25519 and its kin have octets instead of integers (RFC 9580 §5.5.5.7). */
const FIRST_NATIVE = 25;

/** RFC 9580 §5.5.5.1: d, p, q and u, the inverse of p modulo q. */
function isRsa(
  { modulus, exponent }: Extract<PublicPart, { kind: "rsa" }>,
  secrets: readonly Buffer[],
): boolean {
  if (secrets.some(({ length }) => length === 0 || length > modulus.length)) return false;
  const [d = 0n, p = 0n, q = 0n, u = 0n] = secrets.map(numberOf);
  const [n, e] = [numberOf(modulus), numberOf(exponent)];
  const isProduct = p > 2n && q > 2n && p * q === n && (u * p) % q === 1n;
  return isProduct && (d * e) % (p - 1n) === 1n && (d * e) % (q - 1n) === 1n;
}

const numberOf = (magnitude: Buffer): bigint => BigInt(`0x${magnitude.toString("hex")}`);

/** Whether the secret belongs to its public key: what one locks, the other opens; what one signs, the other verifies. */
export async function provesItsSecret(key: OwnKey, now: Date): Promise<boolean> {
  const { maySign } = key.material;
  const isForEncryption = (key.keyFlags & MAY_ENCRYPT) !== 0 && key.material.mayEncrypt;
  try {
    if (isForEncryption || !maySign) return opensItsOwn(key);
    return await verifiesItsOwn(key, now);
  } catch {
    // OpenSSL refuses numbers that cannot be a key.
    return false;
  }
}

function opensItsOwn(key: OwnKey): boolean {
  const sessionKey = newSessionKey(9);
  const [packet] = readPackets(writePkesk(3, key, sessionKey), 1);
  const pkesk = packet && readPkesk(packet.body);
  const opened = pkesk && openPkesk(pkesk, key, { cipher: undefined });
  return opened !== undefined && equalBytes(opened.bytes, sessionKey.bytes);
}

async function verifiesItsOwn(key: OwnKey, now: Date): Promise<boolean> {
  const { created } = key.material;
  const signing = startSigningWith({ key, intended: [], now: now < created ? created : now });
  signing.update(PROBE);
  const [signature] = readDetachedSignatures(signing.finish()) ?? [];
  if (signature === undefined) return false;
  const { certificate } = key.owner;
  const check = await verifySignature({ data: PROBE, signature, certificate });
  return check.kind === "valid";
}

const PROBE = Buffer.from("the secret of this key", "latin1");
