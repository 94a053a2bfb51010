import { asBuffer } from "../base/bytes.ts";
import { joined } from "../base/large-octets.ts";
import { readWholeCiphertext } from "../openpgp/messages/whole-ciphertext.ts";
import { bigEndian, cursorOver } from "../openpgp/packets/cursor.ts";
import { detectProtection, type Protection } from "./detect.ts";
import type { Range } from "./range.ts";

/** A sealed message in two: together they give its octets back exactly. */
type Apart = {
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
  const protection = detectProtection(message);
  const { length } = message;
  const range = protection.kind === "sealed" ? ciphertextIn(message, protection) : undefined;
  const { start, end } = range ?? { start: length, end: length };
  const { around } = takeApartAt([message], { start, end });
  return { around, ciphertext: message.subarray(start, end) };
}

/** The same of a message in pieces where it is known where the ciphertext is, which is given in pieces too. */
export function takeApartAt(
  pieces: readonly Uint8Array[],
  { start, end }: Range,
): { readonly around: Uint8Array; readonly sealed: readonly Uint8Array[] } {
  const before = between(pieces, { start: 0, end: start });
  const behind = between(pieces, { start: end, end: Number.POSITIVE_INFINITY });
  return {
    around: Buffer.concat([bigEndian(start, OFFSET_OCTETS), ...before, ...behind]),
    sealed: between(pieces, { start, end }),
  };
}

function between(pieces: readonly Uint8Array[], { start, end }: Range): readonly Uint8Array[] {
  let offset = 0;
  return pieces.map((piece) => {
    const from = Math.max(0, start - offset);
    const to = Math.max(0, end - offset);
    offset += piece.length;
    return piece.subarray(from, to);
  });
}

/** The message that was taken apart. */
export async function putTogether({ around, ciphertext }: Apart): Promise<Uint8Array> {
  const cursor = cursorOver(around);
  const before = cursor.take(cursor.number(OFFSET_OCTETS));
  return joined([before, ciphertext, cursor.rest()]);
}

/**
 * Where the ciphertext of a sealed message stands: the digits of the armor without its header lines, or the binary body.
 * Undefined where that is not certain.
 */
export function ciphertextIn(
  message: Uint8Array,
  { part }: Extract<Protection, { kind: "sealed" }>,
): Range | undefined {
  if (!PLAIN.has(part.encoding)) return undefined;
  const { bodyStart, end } = part;
  const body = asBuffer(message).subarray(bodyStart, end);
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
