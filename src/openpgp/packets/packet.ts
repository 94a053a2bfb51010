import { asBuffer } from "../../base/bytes.ts";
import { type Cursor, bigEndian, cursorOver } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { Unsupported } from "./unsupported.ts";

/** Types of the packets of messages (RFC 9580 §5). */
export const PACKET = {
  publicKeySessionKey: 1,
  signature: 2,
  passwordSessionKey: 3,
  onePassSignature: 4,
  compressed: 8,
  /** Without integrity protection. */
  unprotected: 9,
  marker: 10,
  literal: 11,
  encrypted: 18,
  /** AES in OCB mode as GnuPG 2.3 and RNP write it, outside of RFC 9580. */
  ocbEncrypted: 20,
  padding: 21,
} as const;

/** A packet of a message: its type and its body. */
export type Packet = { readonly tag: number; readonly body: Buffer };

/** Packets whose length may come in parts or be left open (RFC 9580 §4.2.1.4, §4.2.2). */
const STREAMED: ReadonlySet<number> = new Set([
  PACKET.compressed,
  PACKET.literal,
  PACKET.encrypted,
  PACKET.unprotected,
  PACKET.ocbEncrypted,
]);
/** 50 MiB in the smallest first parts that are allowed. */
const MAX_PARTS = 0x20000;
const SMALLEST_FIRST_PART = 512;

/**
 * All packets of a sequence, at most `most`. Bodies are views of the bytes, joined ones are copies.
 * @throws Damaged
 */
export function readPackets(bytes: Uint8Array, most: number): readonly Packet[] {
  const cursor = cursorOver(bytes);
  const packets: Packet[] = [];
  while (cursor.left() > 0) {
    if (packets.length === most) throw new Unsupported("too many packets");
    packets.push(readPacket(cursor));
  }
  return packets;
}

/** The first packet of a sequence, all of which must be there. @throws Damaged */
export function readFirstPacket(bytes: Uint8Array): Packet {
  return readPacket(cursorOver(bytes));
}

/** The header of a packet whose body has a known length, in the current format (RFC 9580 §4.2.1). */
export function packetHeader(tag: number, length: number): Buffer {
  if (length < 192) return Buffer.from([0xc0 | tag, length]);
  if (length < 8384) {
    return Buffer.from([0xc0 | tag, 192 + ((length - 192) >> 8), (length - 192) & 0xff]);
  }
  return longPacketHeader(tag, length);
}

/** The header with a length of five octets: its size is known before the length is. */
export function longPacketHeader(tag: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([0xc0 | tag, 0xff]), bigEndian(length, 4)]);
}

export const LONG_HEADER_OCTETS = 6;

/** A whole packet. */
export function packet(tag: number, ...body: readonly Uint8Array[]): Buffer {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([packetHeader(tag, length), ...body]);
}

function readPacket(cursor: Cursor): Packet {
  const first = cursor.octet();
  if (first < 0x80) throw new Damaged("not a packet");
  if (first < 0xc0) {
    const tag = (first >> 2) & 0xf;
    return { tag, body: readLegacyBody(cursor, tag, first & 3) };
  }
  const tag = first & 0x3f;
  return { tag, body: readBody(cursor, tag) };
}

/** RFC 9580 §4.2.2. GnuPG leaves the length of compressed data open. */
function readLegacyBody(cursor: Cursor, tag: number, lengthType: number): Buffer {
  if (lengthType < 3) return cursor.take(cursor.number([1, 2, 4][lengthType] ?? 4));
  if (!STREAMED.has(tag)) throw new Damaged("a packet without length");
  return cursor.rest();
}

/** RFC 9580 §4.2.1. */
function readBody(cursor: Cursor, tag: number): Buffer {
  const parts: Buffer[] = [];
  for (;;) {
    const first = cursor.octet();
    if (first < 224 || first === 255) {
      const last = cursor.take(readLength(cursor, first));
      return parts.length === 0 ? last : Buffer.concat([...parts, last]);
    }
    const part = cursor.take(2 ** (first & 0x1f));
    if (!STREAMED.has(tag)) throw new Damaged("a packet in parts");
    if (parts.length === 0 && part.length < SMALLEST_FIRST_PART) {
      throw new Damaged("a first part that is too short");
    }
    parts.push(part);
    if (parts.length > MAX_PARTS) throw new Unsupported("too many parts");
  }
}

/**
 * A length of one, two or five octets whose first is already read; also used within signatures, which have no lengths
 * in parts (RFC 9580 §4.2.1, §5.2.3.7).
 */
export function readLength(cursor: Cursor, first: number): number {
  if (first < 192) return first;
  return first < 255 ? ((first - 192) << 8) + cursor.octet() + 192 : cursor.number(4);
}

/**
 * Marker packets and padding mean nothing wherever they stand (RFC 9580 §5.8, §5.14). Packet types from 40 on, among them
 * the private ones, are not critical (§4.3).
 */
export function isIgnorable({ tag, body }: Packet): boolean {
  const isMarker = tag === PACKET.marker && asBuffer(body).equals(MARKER);
  return tag === PACKET.padding || tag >= FIRST_NOT_CRITICAL || isMarker;
}

const FIRST_NOT_CRITICAL = 40;
/** Maximum number of packets without a meaning that are looked past. */
const MAX_LOOKED_PAST = 20;

/** The type of the first packet that `isIgnorable` does not leave out; undefined where there is none. */
export function firstMeaningfulTag(bytes: Uint8Array): number | undefined {
  const cursor = cursorOver(bytes);
  for (let left = MAX_LOOKED_PAST; left > 0 && cursor.left() > 0; left -= 1) {
    const tag = tagOf(cursor.octet());
    if (tag !== PACKET.marker && tag !== PACKET.padding && (tag ?? 0) < FIRST_NOT_CRITICAL)
      return tag;
    if (!skipBody(cursor)) return undefined;
  }
  return undefined;
}

function tagOf(first: number): number | undefined {
  if (first < 0x80) return undefined;
  return first < 0xc0 ? (first >> 2) & 0xf : first & 0x3f;
}

/** False where the body ends behind the bytes, or comes in parts. Lengths are read as those of the current format. */
function skipBody(cursor: Cursor): boolean {
  try {
    const first = cursor.octet();
    if (first >= 224 && first < 255) return false;
    cursor.take(readLength(cursor, first));
    return true;
  } catch (error) {
    if (error instanceof Damaged) return false;
    throw error;
  }
}

const MARKER = Buffer.from("PGP", "latin1");
