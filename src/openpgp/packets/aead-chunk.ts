/** One chunk of a container of version 2 (RFC 9580 §5.13.2): its key, its nonce, and what is authenticated beside it. */
import {
  type CipherGCMTypes,
  type CipherOCBTypes,
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
} from "node:crypto";

import { asBuffer } from "../../base/bytes.ts";
import { EAX, GCM, OCB } from "./algorithms.ts";
import { bigEndian } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { decryptEax } from "./eax.ts";
import { keyOctetsOf } from "./session-key.ts";

/** Length of the authentication tag behind each chunk. */
export const TAG_OCTETS = 16;

/** What all chunks of a container share. */
type AeadKeys = {
  readonly key: Buffer;
  /** The same for Node, which takes it in a third of the time. */
  readonly object: KeyObject;
  readonly nonce: Buffer;
  readonly header: Buffer;
};

/** RFC 9580 §5.13.2: key and nonce from the session key; all that describes the container is authenticated. */
export function deriveKeys(
  o: {
    readonly cipher: number;
    readonly aead: number;
    readonly chunkOctet: number;
    readonly salt: Buffer;
  },
  sessionKey: Buffer,
): AeadKeys {
  const header = Buffer.of(0xd2, 2, o.cipher, o.aead, o.chunkOctet);
  const keyOctets = keyOctetsOf(o.cipher);
  const nonceOctets = nonceOctetsOf(o.aead);
  const derived = Buffer.from(
    hkdfSync("sha256", createSecretKey(sessionKey), o.salt, header, keyOctets + nonceOctets - 8),
  );
  const key = derived.subarray(0, keyOctets);
  return { key, object: createSecretKey(key), nonce: derived.subarray(keyOctets), header };
}

/** Length of a nonce; 0 for a mode that we do not know. */
export function nonceOctetsOf(aead: number): number {
  return { [EAX]: 16, [OCB]: 15, [GCM]: 12 }[aead] ?? 0;
}

function nonceOf({ nonce }: AeadKeys, index: number): Buffer {
  return Buffer.concat([nonce, bigEndian(0, 4), bigEndian(index, 4)]);
}

/** What is authenticated beside a chunk; the last one, which is empty, adds the number of octets. */
function associatedData({ header }: AeadKeys, total: number | undefined): Buffer {
  if (total === undefined) return header;
  return Buffer.concat([header, bigEndian(0, 4), bigEndian(total, 4)]);
}

/** A cipher that encrypts a chunk, or with `total` the last one, which is empty. */
export function startChunk(aead: number, keys: AeadKeys, index: number, total?: number) {
  const nonce = nonceOf(keys, index);
  const cipher =
    aead === GCM
      ? createCipheriv(gcmOf(keys), keys.object, nonce, TAG)
      : createCipheriv(ocbOf(keys), keys.object, nonce, TAG);
  cipher.setAAD(associatedData(keys, total));
  return cipher;
}

/** The plaintext of a chunk with its tag behind it. @throws when it is not authentic */
export function openChunk(
  aead: number,
  keys: AeadKeys,
  o: { readonly index: number; readonly bytes: Uint8Array; readonly total?: number },
): Buffer {
  const bytes = asBuffer(o.bytes);
  const tagStart = bytes.length - TAG_OCTETS;
  if (tagStart < 0) throw new Damaged("truncated");
  const [encrypted, tag] = [bytes.subarray(0, tagStart), bytes.subarray(tagStart)];
  const nonce = nonceOf(keys, o.index);
  const associated = associatedData(keys, o.total);
  if (aead === EAX) return decryptEax({ key: keys.key, nonce, associated, encrypted, tag });
  const decipher =
    aead === GCM
      ? createDecipheriv(gcmOf(keys), keys.object, nonce, TAG)
      : createDecipheriv(ocbOf(keys), keys.object, nonce, TAG);
  decipher.setAAD(associated);
  decipher.setAuthTag(tag);
  const plain = decipher.update(encrypted);
  const last = decipher.final();
  return last.length === 0 ? plain : Buffer.concat([plain, last]);
}

/** Node checks the length of a tag only where it is told. */
const TAG = { authTagLength: TAG_OCTETS };

function gcmOf({ key }: AeadKeys): CipherGCMTypes {
  return key.length === 16 ? "aes-128-gcm" : key.length === 24 ? "aes-192-gcm" : "aes-256-gcm";
}

function ocbOf({ key }: AeadKeys): CipherOCBTypes {
  return key.length === 16 ? "aes-128-ocb" : key.length === 24 ? "aes-192-ocb" : "aes-256-ocb";
}
