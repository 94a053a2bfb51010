import { asBuffer } from "../base/bytes.ts";
import { bigEndian, cursorOver } from "../openpgp/cursor.ts";
import { readWholeCiphertext } from "../openpgp/whole-ciphertext.ts";
import { detectProtection } from "./detect.ts";

/** A sealed message in two: together they give its octets back exactly. */
export type Apart = {
  /** The header and all octets before and behind the ciphertext: anybody could have written them. */
  readonly around: Uint8Array;
  /** Nothing but ciphertext, as it stands in the message; empty where that is not certain. */
  readonly ciphertext: Uint8Array;
};

const OFFSET_OCTETS = 4;
const ARMOR_BEGIN = "-----BEGIN PGP MESSAGE-----";
const ARMOR_END = "-----END PGP MESSAGE-----";
const LF = 10;

/** Takes a message apart. Of one that is not sealed, or holds more than its full grammar, everything is `around`. */
export function takeApart(message: Uint8Array): Apart {
  const bytes = asBuffer(message);
  const { start, end } = ciphertextIn(bytes) ?? { start: bytes.length, end: bytes.length };
  const around = [bigEndian(start, OFFSET_OCTETS), bytes.subarray(0, start), bytes.subarray(end)];
  return { around: Buffer.concat(around), ciphertext: bytes.subarray(start, end) };
}

/** The message that was taken apart. */
export function putTogether({ around, ciphertext }: Apart): Uint8Array {
  const cursor = cursorOver(around);
  const before = cursor.take(cursor.number(OFFSET_OCTETS));
  return Buffer.concat([before, ciphertext, cursor.rest()]);
}

type Range = { readonly start: number; readonly end: number };

/** Where the ciphertext stands: the digits of the armor without its header lines, or the binary body. */
function ciphertextIn(message: Buffer): Range | undefined {
  const protection = detectProtection(message);
  if (protection.kind !== "sealed" || !PLAIN.has(protection.part.encoding)) return undefined;
  const { bodyStart, end } = protection.part;
  const body = message.subarray(bodyStart, end);
  if (readWholeCiphertext(body) === undefined) return undefined;
  if ((body[0] ?? 0) >= 0x80) return { start: bodyStart, end };
  let at = lineAfter(body, body.indexOf(ARMOR_BEGIN));
  while (isHeaderLine(body, at)) at = lineAfter(body, at);
  const digitsEnd = body.lastIndexOf(ARMOR_END);
  // In armor that is one line its headers stand among the digits.
  return at > digitsEnd ? undefined : { start: bodyStart + at, end: bodyStart + digitsEnd };
}

const PLAIN: ReadonlySet<string> = new Set(["7bit", "8bit", "binary"]);

function lineAfter(bytes: Buffer, from: number): number {
  const end = bytes.indexOf(LF, from);
  return end === -1 ? bytes.length : end + 1;
}

/** An armor header, or the empty line behind them: the digits have neither colons nor blanks. */
function isHeaderLine(bytes: Buffer, at: number): boolean {
  const line = bytes.toString("latin1", at, lineAfter(bytes, at)).trim();
  return at < bytes.length && (line === "" || line.includes(":"));
}
