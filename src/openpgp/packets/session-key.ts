import { randomBytes } from "node:crypto";

import { CIPHER_OCTETS } from "./algorithms.ts";

/** The key of one message, with its cipher (RFC 9580 §9.3). Wiped by whoever made it. */
export type SessionKey = { readonly cipher: number; readonly bytes: Buffer };

/** A new session key for AES. */
export function newSessionKey(cipher: number): SessionKey {
  return { cipher, bytes: randomBytes(keyOctetsOf(cipher)) };
}

/** Octets of key of a cipher of ours; 0 for others. */
export function keyOctetsOf(cipher: number): number {
  return CIPHER_OCTETS.get(cipher) ?? 0;
}

/** The sum of octets, which goes with a session key (RFC 9580 §5.1.1) and an unlocked secret key of v4 (§5.5.3). */
export function checksumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, octet) => (sum + octet) & 0xffff, 0);
}
