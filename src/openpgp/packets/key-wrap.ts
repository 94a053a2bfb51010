/**
 * How a session key is wrapped under a shared secret: the secret makes a key encryption key, and that wraps with AES
 * (RFC 3394). `pkesk.ts` agrees on the secret.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
} from "node:crypto";

import { HASHES } from "./algorithms.ts";
import { Damaged } from "./damaged.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { Kdf } from "./native-key.ts";
import { keyOctetsOf } from "./session-key.ts";

/** Numbers of algorithms (RFC 9580 §9.1). */
const ECDH = 18;
const X448 = 26;

/** The key of ECDH: one round of the concatenation KDF (RFC 9580 §11.4). The recipient's key fixes hash and cipher. */
export function ecdhKek(kdf: Kdf, fingerprint: Fingerprint, secret: Buffer): Buffer {
  const hash = HASHES.get(kdf.hash);
  const octets = keyOctetsOf(kdf.cipher);
  if (hash === undefined || octets === 0) throw new Damaged("key parameters that are not allowed");
  return createHash(hash.openssl)
    .update(Buffer.of(0, 0, 0, 1))
    .update(secret)
    .update(Buffer.of(kdf.oid.length))
    .update(kdf.oid)
    .update(Buffer.of(ECDH, 3, 1, kdf.hash, kdf.cipher))
    .update("Anonymous Sender    ", "latin1")
    .update(Buffer.from(fingerprint, "hex"))
    .digest()
    .subarray(0, octets);
}

/** The key of X25519 and X448 (RFC 9580 §5.1.6, §5.1.7). */
export function montgomeryKek(
  algorithm: number,
  ephemeral: Buffer,
  recipient: Buffer,
  secret: Buffer,
): Buffer {
  const material = Buffer.concat([ephemeral, recipient, secret]);
  const [hash, info, octets] =
    algorithm === X448 ? ["sha512", "OpenPGP X448", 32] : ["sha256", "OpenPGP X25519", 16];
  return Buffer.from(
    hkdfSync(
      String(hash),
      createSecretKey(material),
      Buffer.alloc(0),
      String(info),
      Number(octets),
    ),
  );
}

/** The initial value of RFC 3394 §2.2.3.1. */
const WRAP_IV = Buffer.alloc(8, 0xa6);

/** Octets in a multiple of eight, wrapped. */
export function wrapKey(kek: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(`aes${kek.length * 8}-wrap`, createSecretKey(kek), WRAP_IV);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

/** @throws Error when it was not wrapped with this key. */
export function unwrapKey(kek: Buffer, wrapped: Buffer): Buffer {
  if (wrapped.length < 24 || wrapped.length % 8 !== 0) throw new Damaged("a wrapped key's size");
  const decipher = createDecipheriv(`aes${kek.length * 8}-wrap`, createSecretKey(kek), WRAP_IV);
  return Buffer.concat([decipher.update(wrapped), decipher.final()]);
}

/** Padding to a multiple of eight octets, each of which says how many they are (RFC 9580 §11.4). */
export function padded(plain: Buffer): Buffer {
  const count = 8 - (plain.length % 8);
  return Buffer.concat([plain, Buffer.alloc(count, count)]);
}

/** @throws Damaged when it is not padded so. */
export function unpadded(plain: Buffer): Buffer {
  const count = plain.at(-1) ?? 0;
  const isPadding = count > 0 && count <= plain.length;
  if (!isPadding || plain.subarray(-count).some((octet) => octet !== count)) {
    throw new Damaged("padding of a session key");
  }
  return plain.subarray(0, plain.length - count);
}
