import {
  type CipherGCM,
  type DecipherGCM,
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  randomBytes,
} from "node:crypto";

import { utf8 } from "../base/bytes.ts";
import { newOctets } from "../base/large-octets.ts";
import { Secret, fixedBytes } from "../base/secret.ts";
import { eachSlice } from "../base/slices.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TAG = { authTagLength: TAG_BYTES };
const PIECE_BYTES = 16;
/** Keys are smaller; what is larger is mail, and would take too long in pieces. */
const MAX_BYTES_IN_PIECES = 16 * 1024;

/** A key for one purpose out of another (HKDF-SHA256, RFC 5869). The purpose is part of our stored format. */
export function deriveKey(from: Secret, purpose: string): Secret {
  return new Secret(
    new Uint8Array(
      hkdfSync(
        "sha256",
        createSecretKey(from.reveal()),
        new Uint8Array(),
        `sealpost ${purpose}`,
        KEY_BYTES,
      ),
    ),
  );
}

/** Wraps a secret with AES-256-GCM and binds it to `context`, which is not stored: nonce, ciphertext, tag. */
export function wrap(key: Secret, secret: Uint8Array, context: readonly string[]): Uint8Array {
  return wrapData(createSecretKey(key.reveal()), secret, context);
}

/** As `wrap`, under a key that OpenSSL holds already, for many small things one after the other. */
export function wrapData(key: KeyObject, data: Uint8Array, context: readonly string[]): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, TAG);
  cipher.setAAD(contextBytes(context));
  return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()]);
}

/** What `wrapData` wrapped, or undefined when key, context or octets are others. It is no secret: nothing wipes it. */
export function unwrapData(
  key: KeyObject,
  wrapped: Uint8Array,
  context: readonly string[],
): Uint8Array | undefined {
  if (wrapped.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = decipherFor(key, wrapped, context);
  const data = decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return data;
  } catch {
    return undefined;
  }
}

/** As `wrap`, of a whole message, without holding the event loop. */
export async function wrapMail(
  key: Secret,
  message: Uint8Array,
  context: readonly string[],
): Promise<Uint8Array> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, createSecretKey(key.reveal()), nonce, TAG);
  cipher.setAAD(contextBytes(context));
  const wrapped = newOctets(NONCE_BYTES + message.length + TAG_BYTES);
  wrapped.set(nonce);
  await throughStream(cipher, message, wrapped.subarray(NONCE_BYTES));
  cipher.final();
  wrapped.set(cipher.getAuthTag(), NONCE_BYTES + message.length);
  return wrapped;
}

/** As `unwrap`, of a whole message, without holding the event loop. */
export async function unwrapMail(
  key: Secret,
  wrapped: Uint8Array,
  context: readonly string[],
): Promise<Uint8Array | undefined> {
  if (wrapped.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = decipherFor(createSecretKey(key.reveal()), wrapped, context);
  const message = newOctets(wrapped.length - NONCE_BYTES - TAG_BYTES);
  await throughStream(decipher, wrapped.subarray(NONCE_BYTES, -TAG_BYTES), message);
  try {
    decipher.final();
    return message;
  } catch {
    message.fill(0);
    return undefined;
  }
}

/** GCM is a stream cipher: as much comes out of `update` as went in. */
async function throughStream(
  cipher: CipherGCM | DecipherGCM,
  from: Uint8Array,
  to: Uint8Array,
): Promise<void> {
  let at = 0;
  await eachSlice(from, (slice) => {
    to.set(cipher.update(slice), at);
    at += slice.length;
  });
}

/** The secret, or undefined when key or context are not those it was wrapped with, or a bit has changed. */
export function unwrap(
  key: Secret,
  wrapped: Uint8Array,
  context: readonly string[],
): Secret | undefined {
  if (wrapped.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = decipherFor(createSecretKey(key.reveal()), wrapped, context);
  const secret = new Secret(
    decryptInPieces(decipher, wrapped.subarray(NONCE_BYTES, wrapped.length - TAG_BYTES)),
  );
  try {
    decipher.final();
    return secret;
  } catch {
    secret[Symbol.dispose]();
    return undefined;
  }
}

function decipherFor(key: KeyObject, wrapped: Uint8Array, context: readonly string[]): DecipherGCM {
  const nonce = wrapped.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, TAG);
  decipher.setAAD(contextBytes(context));
  decipher.setAuthTag(wrapped.subarray(wrapped.length - TAG_BYTES));
  return decipher;
}

/**
 * GCM is a stream cipher: all comes out of `update`. Node.js gives back the memory of each answer without wiping it. The
 * next small answer is written there, so that no more than a piece stays in memory.
 */
function decryptInPieces(decipher: DecipherGCM, data: Uint8Array): Uint8Array {
  if (data.length > MAX_BYTES_IN_PIECES) return decipher.update(data);
  const secret = fixedBytes(data.length);
  for (let at = 0; at < data.length; at += PIECE_BYTES) {
    const piece = decipher.update(data.subarray(at, at + PIECE_BYTES));
    secret.set(piece, at);
    piece.fill(0);
  }
  return secret;
}

/** Each field with its length before it, so that no two contexts have the same bytes. */
function contextBytes(context: readonly string[]): Uint8Array {
  return Buffer.concat(context.map(utf8).flatMap((field) => [utf8(`${field.length}:`), field]));
}
