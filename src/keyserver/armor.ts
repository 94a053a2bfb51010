import { asBuffer } from "../base/bytes.ts";
import { crc24 } from "../openpgp/packets/crc24.ts";
import type { ViewedCertificate } from "../store/keys/published-view.ts";

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
 * Certificates as one armored block, without headers (RFC 9580 §6.2). Where no padding ends the base64, a checksum does:
 * without either GnuPG 2.2 reads on into the last line and imports nothing (§6.1 allows it before version 6).
 */
export function armored(bytes: Uint8Array): string {
  const base64 = asBuffer(bytes).toString("base64");
  let text = HEAD;
  for (let at = 0; at < base64.length; at += LINE_LENGTH) {
    text += `${base64.slice(at, at + LINE_LENGTH)}\n`;
  }
  if (!base64.endsWith("=")) text += `=${checksumOf(bytes)}\n`;
  return text + TAIL;
}

function checksumOf(bytes: Uint8Array): string {
  const checksum = Buffer.alloc(CHECKSUM_OCTETS);
  checksum.writeUIntBE(crc24(bytes), 0, CHECKSUM_OCTETS);
  return checksum.toString("base64");
}
