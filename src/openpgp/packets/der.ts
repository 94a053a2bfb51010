import { bigEndian } from "./cursor.ts";

const TAGS = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  sequence: 0x30,
  tag0: 0xa0,
  tag1: 0xa1,
} as const;

/** One element of DER, the form in which OpenSSL takes keys (ITU-T X.690). */
export function der(kind: keyof typeof TAGS, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const lengthOctets = length < 0x80 ? 0 : length < 0x100 ? 1 : 2;
  const header =
    lengthOctets === 0
      ? Buffer.of(TAGS[kind], length)
      : Buffer.concat([
          Buffer.of(TAGS[kind], 0x80 | lengthOctets),
          bigEndian(length, lengthOctets),
        ]);
  return Buffer.concat([header, ...content]);
}

/** A non-negative integer from its magnitude. */
export function derInteger(magnitude: Buffer): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const value = magnitude.subarray(start);
  const isNegative = (value[0] ?? 0) >= 0x80 || value.length === 0;
  return der("integer", Buffer.alloc(isNegative ? 1 : 0), value);
}
