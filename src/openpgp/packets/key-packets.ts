import { asBuffer } from "../../base/bytes.ts";

/** A packet of a certificate: its type and body, without the header. */
export type KeyPacket = { readonly tag: number; readonly body: Uint8Array };

/** What reading the packets of certificates came to. */
export type KeyPackets =
  | { readonly kind: "read"; readonly packets: readonly KeyPacket[] }
  | { readonly kind: "malformed"; readonly reason: "truncated" | "too-many-packets" };

/**
 * The packets of a certificate or a bare signature. Partial and indeterminate lengths, which are for data packets only
 * (RFC 9580 §4.2.1.4), are refused. At most `most` packets.
 */
export function readKeyPackets(bytes: Uint8Array, most: number): KeyPackets {
  const buffer = asBuffer(bytes);
  const packets: KeyPacket[] = [];
  for (let position = 0; position < buffer.length;) {
    const header = readHeader(buffer, position);
    if (header === undefined || header.end > buffer.length) {
      return { kind: "malformed", reason: "truncated" };
    }
    if (packets.length === most) return { kind: "malformed", reason: "too-many-packets" };
    packets.push({ tag: header.tag, body: buffer.subarray(header.start, header.end) });
    position = header.end;
  }
  return { kind: "read", packets };
}

type Header = { readonly tag: number; readonly start: number; readonly end: number };

function readHeader(bytes: Buffer, position: number): Header | undefined {
  const first = bytes.readUInt8(position);
  if (first < 0x80) return undefined;
  return first >= 0xc0
    ? currentHeader(bytes, position + 1, first & 0x3f)
    : legacyHeader(bytes, position + 1, first);
}

/** RFC 9580 §4.2.1. */
function currentHeader(bytes: Buffer, position: number, tag: number): Header | undefined {
  const first = bytes[position];
  if (first === undefined || (first >= 224 && first < 255)) return undefined;
  const size = first < 192 ? 1 : first < 224 ? 2 : 5;
  const start = position + size;
  if (start > bytes.length) return undefined;
  if (size === 1) return { tag, start, end: start + first };
  const length =
    size === 2
      ? ((first - 192) << 8) + bytes.readUInt8(position + 1) + 192
      : bytes.readUInt32BE(position + 1);
  return { tag, start, end: start + length };
}

/** RFC 9580 §4.2.2. */
function legacyHeader(bytes: Buffer, position: number, first: number): Header | undefined {
  const size = [1, 2, 4][first & 3];
  if (size === undefined || position + size > bytes.length) return undefined;
  const start = position + size;
  return { tag: (first >> 2) & 0xf, start, end: start + bytes.readUIntBE(position, size) };
}
