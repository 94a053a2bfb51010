import { asBuffer } from "../base/bytes.ts";
import type { ViewedCertificate } from "../store/published-view.ts";

const LINE_LENGTH = 64;
const CHECKSUM_OCTETS = 3;
const HEAD = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n";
const TAIL = "-----END PGP PUBLIC KEY BLOCK-----\n";

/** Certificates one behind the other, as they are. */
export function bundle(found: readonly ViewedCertificate[]): Uint8Array {
  const [first, ...more] = found;
  return first !== undefined && more.length === 0
    ? first.bytes
    : Buffer.concat(found.map(({ bytes }) => bytes));
}

/**
 * Makes the function that writes certificates as one armored block, without headers (RFC 9580 §6.2). Where no padding ends
 * the base64, a checksum does: without either GnuPG 2.2 reads on into the last line and imports nothing (§6.1 allows it
 * before version 6).
 */
export function makeArmor(): (bytes: Uint8Array) => string {
  const checksumOf = makeCrc24();
  return (bytes) => {
    const base64 = asBuffer(bytes).toString("base64");
    let text = HEAD;
    for (let at = 0; at < base64.length; at += LINE_LENGTH) {
      text += `${base64.slice(at, at + LINE_LENGTH)}\n`;
    }
    if (!base64.endsWith("=")) text += `=${checksumOf(bytes)}\n`;
    return text + TAIL;
  };
}

/** As `openpgp/crc24.ts`, with a table that is made once and not for each text (RFC 9580 §6.1.1). */
function makeCrc24(): (bytes: Uint8Array) => string {
  const table = Int32Array.from({ length: 256 }, (_, octet) => remainderOf(octet << 16));
  return (bytes) => {
    let crc = 0xb704ce;
    for (const octet of bytes) crc = ((crc << 8) & 0xffffff) ^ (table[(crc >>> 16) ^ octet] ?? 0);
    const checksum = Buffer.alloc(CHECKSUM_OCTETS);
    checksum.writeUIntBE(crc, 0, CHECKSUM_OCTETS);
    return checksum.toString("base64");
  };
}

function remainderOf(value: number): number {
  let remainder = value;
  for (let bit = 0; bit < 8; bit += 1) {
    remainder <<= 1;
    if (remainder > 0xffffff) remainder ^= 0x1864cfb;
  }
  return remainder;
}
