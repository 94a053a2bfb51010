import { asBuffer } from "../../base/bytes.ts";
import { Damaged } from "./damaged.ts";

/** Reads bytes from front to back. What is not there is `Damaged`. */
export type Cursor = {
  readonly octet: () => number;
  /** An unsigned number of 1 to 4 octets, big-endian. */
  readonly number: (octets: number) => number;
  readonly take: (length: number) => Buffer;
  /** The magnitude of a multiprecision integer, without leading zero octets (RFC 9580 §3.2). */
  readonly integer: () => Buffer;
  readonly rest: () => Buffer;
  readonly left: () => number;
};

/** A cursor at the start of some bytes; what it gives are views of them. */
export function cursorOver(bytes: Uint8Array): Cursor {
  const buffer = asBuffer(bytes);
  let position = 0;
  const take = (length: number): Buffer => {
    if (length > buffer.length - position) throw new Damaged("truncated");
    position += length;
    return buffer.subarray(position - length, position);
  };
  // Most of what is read is one octet: without a view of it.
  const octet = (): number => {
    const value = buffer[position];
    if (value === undefined) throw new Damaged("truncated");
    position += 1;
    return value;
  };
  const number = (octets: number): number => take(octets).readUIntBE(0, octets);
  return {
    take,
    number,
    octet,
    integer: () => withoutLeadingZeros(take(Math.ceil(number(2) / 8))),
    rest: () => take(buffer.length - position),
    left: () => buffer.length - position,
  };
}

/** A multiprecision integer from its magnitude (RFC 9580 §3.2). */
export function writeInteger(magnitude: Uint8Array): Buffer {
  const value = withoutLeadingZeros(asBuffer(magnitude));
  const bits = value.length * 8 - Math.clz32((value[0] ?? 0) << 24);
  return Buffer.concat([bigEndian(value.length === 0 ? 0 : bits, 2), value]);
}

/** A number as octets, big-endian. */
export function bigEndian(value: number, octets: number): Buffer {
  const bytes = Buffer.alloc(octets);
  bytes.writeUIntBE(value, 0, octets);
  return bytes;
}

/** A magnitude filled up with zero octets in front. @throws Damaged when it is longer. */
export function padStart(magnitude: Uint8Array, octets: number): Buffer {
  if (magnitude.length > octets) throw new Damaged("an integer is too long");
  const bytes = Buffer.alloc(octets);
  bytes.set(magnitude, octets - magnitude.length);
  return bytes;
}

function withoutLeadingZeros(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start += 1;
  return bytes.subarray(start);
}
