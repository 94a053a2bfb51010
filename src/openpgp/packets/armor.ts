import { asBuffer } from "../../base/bytes.ts";
import { writeDigitLines } from "../../base/digit-lines.ts";
import { newOctets } from "../../base/large-octets.ts";
import { crc24 } from "./crc24.ts";
import { bigEndian } from "./cursor.ts";

const LINE = 64;
/** Base64 is made in blocks of whole lines: 768 lines of 48 octets. */
const BLOCK_OCTETS = 48 * 768;

/**
 * A binary OpenPGP message in ASCII armor with CRLF lines and without armor headers (RFC 9580 §6.2). A checksum is written
 * only where GnuPG 2.2 cannot do without: when no padding tells it where the base64 ends, it reads on into the last line and
 * reports an error. Never to readers of version 2 containers (RFC 9580 §6.1).
 */
export function armorMessage(bytes: Uint8Array, around?: Around): Uint8Array {
  return armor("MESSAGE", bytes, !startsWithV6SessionKey(bytes), around);
}

/** What stands before and behind the armor, a character for each octet, so that a large message is written once. */
type Around = { readonly before: string; readonly after: string };

/** A certificate or a locked secret key in ASCII armor, written as `armorMessage` does. */
export function armorKey(kind: "PUBLIC" | "PRIVATE", bytes: Uint8Array): Uint8Array {
  return armor(`${kind} KEY BLOCK`, bytes, true);
}

/** A packet of type 1 with a length of one octet, and version 6. */
function startsWithV6SessionKey(bytes: Uint8Array): boolean {
  return bytes[0] === 0xc1 && bytes[(bytes[1] ?? 0) < 192 ? 2 : 3] === 6;
}

function armor(
  label: string,
  bytes: Uint8Array,
  mayHaveChecksum: boolean,
  { before, after }: Around = { before: "", after: "" },
): Uint8Array {
  const input = asBuffer(bytes);
  const needsChecksum = mayHaveChecksum && input.length % 3 === 0;
  const head = `${before}-----BEGIN PGP ${label}-----\r\n\r\n`;
  const checksum = needsChecksum ? `=${bigEndian(crc24(input), 3).toString("base64")}\r\n` : "";
  const tail = `${checksum}-----END PGP ${label}-----\r\n${after}`;
  const digits = Math.ceil(input.length / 3) * 4;
  const lineEnds = 2 * Math.ceil(digits / LINE);
  const output = asBuffer(newOctets(head.length + digits + lineEnds + tail.length));
  let end = output.write(head, 0, "latin1");
  for (let start = 0; start < input.length; start += BLOCK_OCTETS) {
    const block = Buffer.from(
      input.toString("base64", start, Math.min(start + BLOCK_OCTETS, input.length)),
      "latin1",
    );
    end = writeDigitLines(block, output, { start: end, width: LINE });
  }
  output.write(tail, end, "latin1");
  return output;
}
