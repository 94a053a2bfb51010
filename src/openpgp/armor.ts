import { asBuffer } from "../base/bytes.ts";
import { crc24 } from "./crc24.ts";
import { bigEndian } from "./cursor.ts";

/** What reading armor came to. `data` is binary. */
export type Dearmored =
  | { readonly kind: "armored"; readonly label: string; readonly data: Uint8Array }
  | { readonly kind: "not-armored" }
  | { readonly kind: "malformed" };

const CR = 0x0d;
const LF = 0x0a;
const LINE = 64;
/** Base64 is made in blocks of whole lines: 768 lines of 48 octets. */
const BLOCK_OCTETS = 48 * 768;

/**
 * A binary OpenPGP message in ASCII armor with CRLF lines and without armor headers (RFC 9580 §6.2). A checksum is written
 * only where GnuPG 2.2 cannot do without: when no padding tells it where the base64 ends, it reads on into the last line and
 * reports an error. Never to readers of version 2 containers (RFC 9580 §6.1).
 */
export function armorMessage(bytes: Uint8Array): Uint8Array {
  return armor("MESSAGE", bytes, !startsWithV6SessionKey(bytes));
}

/** A binary detached signature in ASCII armor, written as `armorMessage` does. */
export function armorSignature(bytes: Uint8Array): Uint8Array {
  return armor("SIGNATURE", bytes, true);
}

/** A certificate or a locked secret key in ASCII armor, written as `armorMessage` does. */
export function armorKey(kind: "PUBLIC" | "PRIVATE", bytes: Uint8Array): Uint8Array {
  return armor(`${kind} KEY BLOCK`, bytes, true);
}

/** A packet of type 1 with a length of one octet, and version 6. */
function startsWithV6SessionKey(bytes: Uint8Array): boolean {
  return bytes[0] === 0xc1 && bytes[(bytes[1] ?? 0) < 192 ? 2 : 3] === 6;
}

function armor(label: string, bytes: Uint8Array, mayHaveChecksum: boolean): Uint8Array {
  const input = asBuffer(bytes);
  const needsChecksum = mayHaveChecksum && input.length % 3 === 0;
  const head = `-----BEGIN PGP ${label}-----\r\n\r\n`;
  const checksum = needsChecksum ? `=${bigEndian(crc24(input), 3).toString("base64")}\r\n` : "";
  const tail = `${checksum}-----END PGP ${label}-----\r\n`;
  const digits = Math.ceil(input.length / 3) * 4;
  const lineEnds = 2 * Math.ceil(digits / LINE);
  const output = Buffer.allocUnsafeSlow(head.length + digits + lineEnds + tail.length);
  let end = output.write(head, 0, "latin1");
  for (let start = 0; start < input.length; start += BLOCK_OCTETS) {
    const block = Buffer.from(
      input.toString("base64", start, Math.min(start + BLOCK_OCTETS, input.length)),
      "latin1",
    );
    end = writeLines(block, output, end);
  }
  output.write(tail, end, "latin1");
  return output;
}

/** Copies eight octets at a time: four times as fast as copying lines. ASCII is never a NaN, so nothing is changed. */
function writeLines(digits: Buffer, output: Buffer, start: number): number {
  const from = new DataView(digits.buffer, digits.byteOffset, digits.length);
  const to = new DataView(output.buffer, output.byteOffset, output.length);
  const whole = digits.length - (digits.length % LINE);
  let end = start;
  for (let line = 0; line < whole; line += LINE) {
    for (let at = 0; at < LINE; at += 8) {
      to.setFloat64(end + at, from.getFloat64(line + at, true), true);
    }
    end = writeLineEnd(output, end + LINE);
  }
  if (whole === digits.length) return end;
  end += digits.copy(output, end, whole);
  return writeLineEnd(output, end);
}

function writeLineEnd(output: Buffer, at: number): number {
  output[at] = CR;
  output[at + 1] = LF;
  return at + 2;
}

const BEGIN = "-----BEGIN PGP ";
const DASHES = "-----";
/** Armor headers are for people; more than this is none (RFC 9580 §6.2.2). */
const MOST_HEADER_OCTETS = 8 * 1024;

/**
 * Reads the first armor block of a text: lines end in CRLF or LF, text around the block and armor headers are passed
 * over (RFC 9580 §6.2). The checksum may be there or not and is not looked at: an implementation must not reject an
 * object for it (RFC 9580 §6.1), and all that we read protects itself. The caller limits the size.
 */
export function dearmor(bytes: Uint8Array): Dearmored {
  const text = asBuffer(bytes);
  const begin = findLine(text, BEGIN, 0);
  if (begin === undefined) return { kind: "not-armored" };
  const beginEnd = lineEnd(text, begin);
  const beginLine = text.toString("latin1", begin, Math.min(beginEnd, begin + 80)).trimEnd();
  const label = /^-----BEGIN PGP ([A-Z ]{1,40})-----$/.exec(beginLine)?.[1];
  if (label === undefined) return { kind: "malformed" };
  const end = findLine(text, DASHES, beginEnd);
  if (end === undefined || !isEndOf(text, end, label)) return { kind: "malformed" };
  const start = bodyStart(text, beginEnd + 1, end);
  if (start === undefined) return { kind: "malformed" };
  const data = decode(text, start, withoutChecksum(text, start, end));
  return data === undefined ? { kind: "malformed" } : { kind: "armored", label, data };
}

/** The position of the first line that starts with a text, at or after `from`. */
function findLine(text: Buffer, start: string, from: number): number | undefined {
  for (let at = text.indexOf(start, from, "latin1"); at >= 0;) {
    if (at === 0 || text[at - 1] === LF) return at;
    at = text.indexOf(start, at + 1, "latin1");
  }
  return undefined;
}

/** The position of the LF that ends a line, or of the end of the text. */
function lineEnd(text: Buffer, from: number): number {
  const at = text.indexOf(LF, from);
  return at < 0 ? text.length : at;
}

function isEndOf(text: Buffer, at: number, label: string): boolean {
  const line = text.toString("latin1", at, Math.min(lineEnd(text, at), at + 80));
  return line.trimEnd() === `-----END PGP ${label}-----`;
}

/** Where the base64 starts: after the empty line that ends the headers. Without headers that line may be missing. */
function bodyStart(text: Buffer, from: number, end: number): number | undefined {
  for (let at = from; at < end && at - from < MOST_HEADER_OCTETS;) {
    const next = lineEnd(text, at) + 1;
    const line = text.toString("latin1", at, Math.min(next, at + 1000)).trim();
    if (line === "") return next;
    if (!line.includes(": ") && !line.endsWith(":")) return at === from ? at : undefined;
    at = next;
  }
  return undefined;
}

/** Where the base64 ends: before a checksum line, which is `=` and four digits (RFC 9580 §6.1). */
function withoutChecksum(text: Buffer, start: number, end: number): number {
  const tail = text.toString("latin1", Math.max(start, end - 16), end);
  const checksum = /(?:^|\n)=[A-Za-z0-9+/]{4}[ \t\r\n]*$/.exec(tail);
  return checksum === null ? end : end - (tail.length - checksum.index);
}

/** Undefined when it is empty or not base64 in groups of four digits. */
function decode(text: Buffer, start: number, end: number): Buffer | undefined {
  const digits = text.subarray(start, end);
  const data = decodeEvenLines(digits) ?? decodeStrictly(withoutWhiteSpace(digits));
  return data === undefined || data.length === 0 ? undefined : data;
}

/**
 * Base64 in lines of one length, as programs write it. The decoder passes over what is no digit: that it has made as many
 * octets as there are digits proves that there was nothing else.
 */
function decodeEvenLines(text: Buffer): Buffer | undefined {
  const shape = shapeOf(text);
  if (shape === undefined) return undefined;
  const { width, step } = shape;
  const lines = Math.floor(text.length / step);
  const last = text.toString("latin1", lines * step).trimEnd();
  if (last.length % 4 !== 0) return undefined;
  const output = Buffer.allocUnsafeSlow((lines * width + last.length) * 0.75);
  let written = 0;
  const block = step * Math.ceil(65_536 / step);
  for (let at = 0; at < text.length; at += block) {
    written += output.write(
      text.toString("latin1", at, Math.min(at + block, text.length)),
      written,
      "base64",
    );
  }
  const padding = paddingOf(
    last === "" ? text.subarray(-4 - (step - width)).toString("latin1") : last,
  );
  return written === output.length - padding ? output.subarray(0, written) : undefined;
}

/** Digits per line, and with its end; undefined when lines differ. */
function shapeOf(text: Buffer): { readonly width: number; readonly step: number } | undefined {
  const firstEnd = text.indexOf(LF);
  const isCrlf = text[firstEnd - 1] === CR;
  const width = isCrlf ? firstEnd - 1 : firstEnd;
  if (width < 4 || width % 4 !== 0) return undefined;
  for (let at = firstEnd; at < text.length; at += firstEnd + 1) {
    if (text[at] !== LF || (isCrlf && text[at - 1] !== CR)) return undefined;
  }
  return { width, step: firstEnd + 1 };
}

function decodeStrictly(digits: string): Buffer | undefined {
  if (digits.length % 4 !== 0) return undefined;
  const data = Buffer.from(digits, "base64");
  return data.length === digits.length * 0.75 - paddingOf(digits) ? data : undefined;
}

function withoutWhiteSpace(text: Buffer): string {
  return text.toString("latin1").replaceAll(/[ \t\r\n]+/g, "");
}

function paddingOf(digits: string): number {
  const end = digits.trimEnd();
  return end.endsWith("==") ? 2 : end.endsWith("=") ? 1 : 0;
}
