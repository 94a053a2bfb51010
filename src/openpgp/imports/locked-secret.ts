import {
  type CipherGCMTypes,
  type CipherOCBTypes,
  createDecipheriv,
  createHash,
  hkdfSync,
} from "node:crypto";

import { asBuffer, equalBytes } from "../../base/bytes.ts";
import { EAX, GCM, OCB } from "../packets/algorithms.ts";
import { type Cursor, bigEndian, cursorOver } from "../packets/cursor.ts";
import { decryptEax } from "../packets/eax.ts";
import { type S2k, deriveKey, readS2k } from "../packets/s2k.ts";
import { checksumOf, keyOctetsOf } from "../packets/session-key.ts";

/** The secret part of a secret key packet, and how it is protected (RFC 9580 §5.5.3). */
export type SecretPart =
  | { readonly kind: "clear"; readonly secret: Buffer }
  | LockedSecret
  | { readonly kind: "absent" }
  /** Locked in a way that is out of date or not known. */
  | { readonly kind: "unsupported" }
  | { readonly kind: "malformed" };

/** A secret part that a passphrase opens. */
export type LockedSecret = {
  readonly kind: "locked";
  readonly s2k: Exclude<S2k, { kind: "absent" }>;
  readonly cipher: number;
  readonly keyOctets: number;
  /** Undefined: CFB, with SHA-1 at the end. */
  readonly aead: number | undefined;
  readonly iv: Buffer;
  readonly encrypted: Buffer;
};

const CLEAR = 0;
const AEAD = 253;
const CFB = 254;
const BLOCK = 16;
const SHA1_OCTETS = 20;
const TAG_OCTETS = 16;
const NONCE_OCTETS: ReadonlyMap<number, number> = new Map([
  [EAX, 16],
  [OCB, 15],
  [GCM, 12],
]);

/** Reads what follows the public part in a secret key packet. @throws Damaged */
export function readSecretPart(version: 4 | 6, bytes: Uint8Array): SecretPart {
  const cursor = cursorOver(bytes);
  const usage = cursor.octet();
  if (usage === CLEAR) return clearPart(version, cursor);
  // Below are ciphers by number, which go with MD5; 255 has a sum for a check, and marks absent secrets in v4.
  if (usage < AEAD || (version === 6 && usage > CFB)) return { kind: "unsupported" };
  // In v6 the parameters have a length, and the specifier within them has one.
  if (version === 4) return lockedPart(usage, cursor, (parameters) => parameters, cursor);
  const parameters = cursorOver(cursor.take(cursor.octet()));
  const specifierIn = () => cursorOver(parameters.take(parameters.octet()));
  const part = lockedPart(usage, parameters, specifierIn, cursor);
  return part.kind === "locked" && parameters.left() > 0 ? { kind: "malformed" } : part;
}

function lockedPart(
  usage: number,
  parameters: Cursor,
  specifierIn: (parameters: Cursor) => Cursor,
  cursor: Cursor,
): SecretPart {
  const cipher = parameters.octet();
  const aead = usage === AEAD ? parameters.octet() : undefined;
  const s2k = readS2k(specifierIn(parameters));
  if (s2k?.kind === "absent") return s2k;
  const ivOctets = aead === undefined ? BLOCK : NONCE_OCTETS.get(aead);
  const keyOctets = keyOctetsOf(cipher);
  if (s2k === undefined || usage > CFB || keyOctets === 0 || ivOctets === undefined) {
    return { kind: "unsupported" };
  }
  // Argon2 goes with AEAD alone (RFC 9580 §3.7.2.1).
  if (s2k.kind === "argon2" && aead === undefined) return { kind: "malformed" };
  const iv = parameters.take(ivOctets);
  return { kind: "locked", s2k, cipher, keyOctets, aead, iv, encrypted: cursor.rest() };
}

/** In v4 two octets of checksum follow. */
function clearPart(version: 4 | 6, cursor: Cursor): SecretPart {
  if (version === 6) return { kind: "clear", secret: cursor.rest() };
  if (cursor.left() < 2) return { kind: "malformed" };
  const secret = cursor.take(cursor.left() - 2);
  return cursor.number(2) === checksumOf(secret)
    ? { kind: "clear", secret }
    : { kind: "malformed" };
}

/**
 * The secret itself, to be wiped; undefined when the passphrase is not the right one. `publicBody` is the packet's public
 * part, `tag` its type: AEAD covers both.
 */
export async function unlockSecret(
  locked: LockedSecret,
  passphrase: Uint8Array,
  packet: { readonly tag: number; readonly publicBody: Uint8Array },
): Promise<Buffer | undefined> {
  const key = await deriveKey(locked.s2k, passphrase, locked.keyOctets);
  try {
    return locked.aead === undefined
      ? openCfb(locked, key)
      : openAead(locked, locked.aead, key, packet);
  } finally {
    key.fill(0);
  }
}

/** The body of a secret key packet that is not locked. */
export function clearBody(publicBody: Uint8Array, secret: Uint8Array): Uint8Array {
  const body = new Uint8Array(
    publicBody.length + 1 + secret.length + (publicBody[0] === 4 ? 2 : 0),
  );
  body.set(publicBody);
  body.set(secret, publicBody.length + 1);
  if (publicBody[0] === 4) body.set(bigEndian(checksumOf(secret), 2), body.length - 2);
  return body;
}

function openCfb({ iv, encrypted, keyOctets }: LockedSecret, key: Buffer): Buffer | undefined {
  if (encrypted.length <= SHA1_OCTETS) return undefined;
  const aes = createDecipheriv(`aes-${keyOctets * 8}-cfb`, key, iv);
  const plain = aes.update(encrypted);
  const secret = plain.subarray(0, -SHA1_OCTETS);
  const sha1 = createHash("sha1").update(secret).digest();
  if (equalBytes(sha1, plain.subarray(-SHA1_OCTETS))) return secret;
  plain.fill(0);
  return undefined;
}

/** RFC 9580 §5.5.3: the key of the passphrase goes through HKDF; the packet's type and public part are authenticated. */
function openAead(
  { cipher, keyOctets, iv, encrypted }: LockedSecret,
  aead: number,
  derived: Buffer,
  { tag, publicBody }: { readonly tag: number; readonly publicBody: Uint8Array },
): Buffer | undefined {
  if (encrypted.length <= TAG_OCTETS) return undefined;
  const type = 0xc0 | tag;
  const info = Buffer.of(type, publicBody[0] ?? 0, cipher, aead);
  const key = Buffer.from(hkdfSync("sha256", derived, Buffer.alloc(0), info, keyOctets));
  const associated = Buffer.concat([Buffer.of(type), publicBody]);
  const [body, code] = [encrypted.subarray(0, -TAG_OCTETS), encrypted.subarray(-TAG_OCTETS)];
  try {
    if (aead === EAX) return decryptEax({ key, nonce: iv, associated, encrypted: body, tag: code });
    const options = { authTagLength: TAG_OCTETS };
    const decipher =
      aead === GCM
        ? createDecipheriv(`aes-${keyOctets * 8}-gcm` as CipherGCMTypes, key, iv, options)
        : createDecipheriv(`aes-${keyOctets * 8}-ocb` as CipherOCBTypes, key, iv, options);
    decipher.setAAD(associated, { plaintextLength: body.length });
    decipher.setAuthTag(asBuffer(code));
    const plain = decipher.update(body);
    const last = decipher.final();
    return last.length === 0 ? plain : Buffer.concat([plain, last]);
  } catch {
    return undefined;
  } finally {
    key.fill(0);
  }
}
