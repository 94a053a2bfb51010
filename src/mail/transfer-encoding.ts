import { asBuffer } from "../base/bytes.ts";
import { writeDigitLines } from "../base/digit-lines.ts";

const LINE = 76;
const CR = 13;
const LF = 10;
const EQUALS = 61;
const HEX = Buffer.from("0123456789ABCDEF", "latin1");

/** The bytes that a body stands for, by its Content-Transfer-Encoding (RFC 2045 §6); an unknown one is taken as none. */
export function decodeTransfer(body: Uint8Array, encoding: string): Uint8Array {
  if (encoding === "base64") return decodeBase64(body);
  return encoding === "quoted-printable" ? decodeQuotedPrintable(body) : body;
}

/** The other way: base64 and quoted-printable in lines of 76 characters, all else as it is. */
export function encodeTransfer(body: Uint8Array, encoding: string): Uint8Array {
  if (encoding === "base64") return encodeBase64(body);
  return encoding === "quoted-printable" ? encodeQuotedPrintable(body) : body;
}

/** Line ends and other characters outside the alphabet are passed over (RFC 2045 §6.8). */
function decodeBase64(body: Uint8Array): Uint8Array {
  return Buffer.from(asBuffer(body).toString("latin1"), "base64");
}

function encodeBase64(body: Uint8Array): Uint8Array {
  const input = asBuffer(body);
  const digits = Math.ceil(input.length / 3) * 4;
  const output = Buffer.allocUnsafe(digits + 2 * Math.ceil(digits / LINE));
  let end = 0;
  for (let start = 0; start < input.length; start += BLOCK_OCTETS) {
    const text = input.toString("base64", start, Math.min(start + BLOCK_OCTETS, input.length));
    end = writeDigitLines(Buffer.from(text, "latin1"), output, { start: end, width: LINE });
  }
  return output;
}

/** Base64 is made in blocks of whole lines: 1024 lines of 57 octets. */
const BLOCK_OCTETS = 57 * 1024;

/** RFC 2045 §6.7. Blanks at a line's end are transport padding; a `=` that encodes nothing is kept as it is. */
function decodeQuotedPrintable(body: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(body.length);
  let length = 0;
  let start = 0;
  while (start < body.length) {
    const lf = lineFeed(body, start);
    const next = Math.min(lf + 1, body.length);
    const lineEnd = lf > start && lf < body.length && body[lf - 1] === CR ? lf - 1 : lf;
    const end = trimBlanks(body, start, lineEnd);
    const isSoft = end > start && body[end - 1] === EQUALS;
    length = decodeEscapes(body, start, isSoft ? end - 1 : end, out, length);
    for (let i = lineEnd; !isSoft && i < next; i++) out[length++] = body[i] ?? 0;
    start = next;
  }
  return out.subarray(0, length);
}

/** The next LF or the end. A loop, because `indexOf` takes a tenth of a microsecond for the shortest line too. */
function lineFeed(body: Uint8Array, start: number): number {
  let at = start;
  while (at < body.length && body[at] !== LF) at++;
  return at;
}

function trimBlanks(body: Uint8Array, start: number, lineEnd: number): number {
  let end = lineEnd;
  while (end > start && (body[end - 1] === 32 || body[end - 1] === 9)) end--;
  return end;
}

function decodeEscapes(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  at: number,
): number {
  let length = at;
  for (let i = start; i < end; i++) {
    const byte = from[i] ?? 0;
    if (byte !== EQUALS) {
      to[length++] = byte;
      continue;
    }
    const high = i + 2 < end ? hexDigit(from[i + 1]) : -1;
    const low = high === -1 ? -1 : hexDigit(from[i + 2]);
    to[length++] = low === -1 ? byte : high * 16 + low;
    if (low !== -1) i += 2;
  }
  return length;
}

function hexDigit(byte = 0): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte & 0xdf;
  return letter >= 65 && letter <= 70 ? letter - 55 : -1;
}

/** The text of an encoded word in Q encoding (RFC 2047 §4.2): as quoted-printable, `_` is a blank. */
export function decodeQ(text: string): Uint8Array {
  const from = Buffer.from(text.replaceAll("_", " "), "utf8");
  const to = Buffer.allocUnsafe(from.length);
  return to.subarray(0, decodeEscapes(from, 0, from.length, to, 0));
}

/** RFC 2045 §6.7: CRLF stays a line end; every other CR and LF, and blanks before a line end, are written as `=XX`. */
function encodeQuotedPrintable(body: Uint8Array): Uint8Array {
  // At most three characters for each byte, and a soft break of three for every 73 of them.
  const out = Buffer.allocUnsafe(Math.ceil(body.length * 3.2) + 4);
  let length = 0;
  let column = 0;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i] ?? 0;
    if (byte === CR && body[i + 1] === LF) {
      out[length++] = CR;
      out[length++] = LF;
      column = 0;
      i++;
      continue;
    }
    const size = isPlainQuotedPrintable(byte, body[i + 1], column) ? 1 : 3;
    if (column + size > LINE - 1) {
      out[length++] = EQUALS;
      out[length++] = CR;
      out[length++] = LF;
      column = 0;
    }
    column += size;
    if (size > 1) {
      length = writeEscape(out, length, byte);
      continue;
    }
    out[length++] = byte;
    // What follows and stands for itself within the line.
    const end = Math.min(body.length, i + LINE - column);
    let at = i + 1;
    while (at < end && PLAIN_INSIDE[body[at] ?? 0] === 1) out[length++] = body[at++] ?? 0;
    column += at - i - 1;
    i = at - 1;
  }
  return out.subarray(0, length);
}

function writeEscape(out: Uint8Array, at: number, byte: number): number {
  out[at] = EQUALS;
  out[at + 1] = HEX[byte >> 4] ?? 0;
  out[at + 2] = HEX[byte & 15] ?? 0;
  return at + 3;
}

/** 1 for each octet that stands for itself wherever it does not begin a line: most do. */
const PLAIN_INSIDE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 33 && byte <= 126 && byte !== EQUALS ? 1 : 0,
);

function isPlainQuotedPrintable(byte: number, next: number | undefined, column: number): boolean {
  const endsLine = next === undefined || next === CR || next === LF;
  if (byte === 32 || byte === 9) return !endsLine;
  // "From " and a lone "." at a line's start are hazards of mbox files and of SMTP (RFC 2049 §3).
  if (column === 0 && (byte === 70 || byte === 46)) return false;
  return byte >= 33 && byte <= 126 && byte !== EQUALS;
}
