const START = 0xb704ce;
const POLYNOMIAL = 0x1864cfb;

/** A constant: what each octet does to the remainder. */
const TABLE = Int32Array.from({ length: 256 }, (_, octet) => remainderOf(octet << 16, 8));

/** The checksum of ASCII armor (RFC 9580 §6.1.1). It protects nothing; `armor.ts` says where it is needed all the same. */
export function crc24(bytes: Uint8Array): number {
  let crc = START;
  for (const octet of bytes) {
    crc = ((crc << 8) & 0xffffff) ^ (TABLE[(crc >>> 16) ^ octet] ?? 0);
  }
  return crc;
}

function remainderOf(value: number, bits: number): number {
  let remainder = value;
  for (let bit = 0; bit < bits; bit += 1) {
    remainder <<= 1;
    if (remainder > 0xffffff) remainder ^= POLYNOMIAL;
  }
  return remainder;
}
