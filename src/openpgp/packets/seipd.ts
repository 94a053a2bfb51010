import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  randomBytes,
} from "node:crypto";

import { asBuffer, equalBytes } from "../../base/bytes.ts";
import { newOctets } from "../../base/large-octets.ts";
import { eachSlice } from "../../base/slices.ts";
import { deriveKeys, nonceOctetsOf, openChunk, startChunk, TAG_OCTETS } from "./aead-chunk.ts";
import { cipherName } from "./algorithms.ts";
import { cursorOver } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { type SessionKey, keyOctetsOf } from "./session-key.ts";
import { Unsupported } from "./unsupported.ts";

/**
 * Encrypted and integrity protected data (RFC 9580 §5.13): the container of a message. Version 1 is CFB with a SHA-1 code at the
 * end, version 2 AEAD in chunks.
 */
export type Container =
  | { readonly version: 1; readonly data: Buffer }
  | {
      readonly version: 2;
      readonly cipher: number;
      readonly aead: number;
      readonly chunkOctet: number;
      readonly salt: Buffer;
      readonly data: Buffer;
    };

/** Writes a container's body into `output`: plaintext packets in, at most as much as was announced. */
export type ContainerWriter = {
  readonly write: (plain: Uint8Array) => void;
  /** Ends it. Octets written. */
  readonly end: () => number;
};

/** What a container adds to its plaintext at most. */
export function overheadOf(plainOctets: number): number {
  return 64 + 16 * (2 + Math.ceil(plainOctets / CHUNK_OCTETS));
}

const BLOCK = 16;
/** Modification detection code: its packet header and the SHA-1 after it (RFC 9580 §5.13.1). */
const MDC_HEADER = Buffer.of(0xd3, 0x14);
const SHA1_OCTETS = 20;
const SALT_OCTETS = 32;
/** Chunks of 2^18 octets (RFC 9580 §5.13.2), which OpenPGP.js uses too. */
const CHUNK_OCTET = 12;
const CHUNK_OCTETS = 2 ** (CHUNK_OCTET + 6);
const LARGEST_CHUNK_OCTET = 16;
/** Chunks of 64 octets are allowed, but not a large message of them: each costs as much as a whole kilobyte. */
const MAX_CHUNKS = 100_000;

/** Reads a packet's body. @throws Unsupported for other versions, ciphers and modes than ours */
export function readContainer(body: Uint8Array): Container {
  const cursor = cursorOver(body);
  const version = cursor.octet();
  if (version === 1) return { version, data: cursor.rest() };
  if (version !== 2) throw new Unsupported("a container of another version");
  const [cipher, aead, chunkOctet] = [cursor.octet(), cursor.octet(), cursor.octet()];
  if (keyOctetsOf(cipher) === 0) throw new Unsupported(cipherName(cipher));
  if (nonceOctetsOf(aead) === 0) throw new Unsupported("an unknown AEAD mode");
  if (chunkOctet > LARGEST_CHUNK_OCTET) throw new Unsupported("chunks of more than 4 MiB");
  const salt = cursor.take(SALT_OCTETS);
  return { version, cipher, aead, chunkOctet, salt, data: cursor.rest() };
}

/** The plaintext of a container, given back only when all of it is authentic. @throws when it is not */
export async function openContainer(container: Container, key: SessionKey): Promise<Buffer> {
  return container.version === 1 ? openV1(container.data, key) : openV2(container, key);
}

/** A writer of version 1, at the start of `output`. */
export function startV1(output: Buffer, { cipher, bytes }: SessionKey): ContainerWriter {
  const aes = createCipheriv(cfbOf(cipher), createSecretKey(bytes), Buffer.alloc(BLOCK));
  const sha1 = createHash("sha1");
  output[0] = 1;
  let end = 1;
  const write = (plain: Uint8Array): void => {
    sha1.update(plain);
    const encrypted = aes.update(plain);
    output.set(encrypted, end);
    end += encrypted.length;
  };
  write(randomPrefix());
  return {
    write,
    end: () => {
      sha1.update(MDC_HEADER);
      const last = aes.update(Buffer.concat([MDC_HEADER, sha1.digest()]));
      output.set(last, end);
      return end + last.length;
    },
  };
}

/** Node takes a key's object in a third of the time that it takes octets in. */
const cfbOf = (cipher: number): string => `aes-${keyOctetsOf(cipher) * 8}-cfb`;

/** A block at random whose last two octets are repeated (RFC 9580 §5.13.1). */
function randomPrefix(): Buffer {
  const prefix = randomBytes(BLOCK);
  return Buffer.concat([prefix, prefix.subarray(BLOCK - 2)]);
}

async function openV1(data: Buffer, { cipher, bytes }: SessionKey): Promise<Buffer> {
  const prefix = BLOCK + 2;
  const codeStart = data.length - SHA1_OCTETS;
  if (codeStart < prefix + MDC_HEADER.length) throw new Damaged("truncated");
  const aes = createDecipheriv(cfbOf(cipher), createSecretKey(bytes), Buffer.alloc(BLOCK));
  const sha1 = createHash("sha1");
  const plain = asBuffer(newOctets(data.length));
  let end = 0;
  await eachSlice(data, (slice) => {
    const decrypted = aes.update(slice);
    plain.set(decrypted, end);
    sha1.update(decrypted.subarray(0, Math.max(0, codeStart - end)));
    end += decrypted.length;
  });
  // The repeated octets of the prefix are not looked at: an answer about them would be an oracle.
  const isHeader = equalBytes(plain.subarray(codeStart - MDC_HEADER.length, codeStart), MDC_HEADER);
  const isCode = equalBytes(sha1.digest(), plain.subarray(codeStart));
  if (!isHeader || !isCode) throw new Damaged("the modification detection code is wrong");
  return plain.subarray(prefix, codeStart - MDC_HEADER.length);
}

/** A writer of version 2, at the start of `output`. */
export function startV2(output: Buffer, aead: number, sessionKey: SessionKey): ContainerWriter {
  const salt = randomBytes(SALT_OCTETS);
  const container = { cipher: sessionKey.cipher, aead, chunkOctet: CHUNK_OCTET, salt };
  const keys = deriveKeys(container, sessionKey.bytes);
  let end = keys.header.copy(output, 0, 1);
  end += salt.copy(output, end);
  const append = (bytes: Uint8Array): void => {
    output.set(bytes, end);
    end += bytes.length;
  };
  let [index, total, room] = [0, 0, 0];
  let chunk: ReturnType<typeof startChunk> | undefined;
  const endChunk = (): void => {
    if (chunk === undefined) return;
    append(chunk.final());
    append(chunk.getAuthTag());
    chunk = undefined;
    index += 1;
  };
  return {
    write: (plain) => {
      for (let start = 0; start < plain.length;) {
        chunk ??= startChunk(aead, keys, index);
        if (room === 0) room = CHUNK_OCTETS;
        const part = plain.subarray(start, Math.min(start + room, plain.length));
        append(chunk.update(part));
        start += part.length;
        total += part.length;
        room -= part.length;
        if (room === 0) endChunk();
      }
    },
    end: () => {
      endChunk();
      const last = startChunk(aead, keys, index, total);
      append(last.final());
      append(last.getAuthTag());
      return end;
    },
  };
}

async function openV2(
  container: Extract<Container, { version: 2 }>,
  { bytes }: SessionKey,
): Promise<Buffer> {
  const keys = deriveKeys(container, bytes);
  const { data, aead } = container;
  const chunkOctets = 2 ** (container.chunkOctet + 6);
  const chunksEnd = data.length - TAG_OCTETS;
  if (chunksEnd < 0) throw new Damaged("truncated");
  const chunks = Math.ceil(chunksEnd / (chunkOctets + TAG_OCTETS));
  if (chunks > MAX_CHUNKS) throw new Unsupported("too many chunks");
  const plainOctets = chunksEnd - chunks * TAG_OCTETS;
  if (plainOctets < 0) throw new Damaged("truncated");
  const plain = asBuffer(newOctets(plainOctets));
  let [index, end] = [0, 0];
  await eachSlice(
    data.subarray(0, chunksEnd),
    (chunk) => {
      const decrypted = openChunk(aead, keys, { index, bytes: chunk });
      plain.set(decrypted, end);
      end += decrypted.length;
      index += 1;
    },
    chunkOctets + TAG_OCTETS,
  );
  // The last tag counts the octets: a container cut between chunks is not authentic.
  openChunk(aead, keys, { index, bytes: data.subarray(chunksEnd), total: plainOctets });
  return plain;
}
