/**
 * The one reader of ASCII armor (RFC 9580 §6.2): of messages, certificates, secret keys and detached signatures. It reads what
 * programs, editors and web forms make of armor, and takes linear time. The checksum may be there or not and is not looked at:
 * an implementation must not reject an object for it (RFC 9580 §6.1), and all that we read protects itself.
 */
import { asBuffer } from "../../base/bytes.ts";
import { decodeLines } from "./base64-lines.ts";

/** One block: `PUBLIC KEY BLOCK`, the lines before its base64 that are not blank, and its octets. */
export type ArmoredBlock = {
  readonly label: string;
  readonly headers: readonly string[];
  readonly data: Uint8Array;
};

/** What reading armor came to. `data` is binary. */
export type Dearmored =
  | ({ readonly kind: "armored" } & ArmoredBlock)
  | { readonly kind: "not-armored" }
  | { readonly kind: "malformed" };

/**
 * Reads the first armor block of a text. Lines end in CRLF, LF or CR; the text may begin with a byte order mark, also that of
 * UTF-16. Text around the block and armor headers are passed over; the empty line behind them may be missing, stand before
 * them or be several. The block may be indented, or be one line. The caller limits the size.
 */
export function dearmor(bytes: Uint8Array): Dearmored {
  const found = nextBlock(textOf(bytes), 0);
  return found.kind === "block" ? { kind: "armored", ...found.block } : found;
}

/** Every block of a text, in order, each read as by `dearmor`. Undefined when one of them is malformed. */
export function readArmoredBlocks(bytes: Uint8Array): readonly ArmoredBlock[] | undefined {
  const text = textOf(bytes);
  const blocks: ArmoredBlock[] = [];
  for (let at = 0; ;) {
    const found = nextBlock(text, at);
    if (found.kind === "malformed") return undefined;
    if (found.kind === "not-armored") return blocks;
    blocks.push(found.block);
    at = found.end;
  }
}

/**
 * The first octets of the first block, at most three thousand; what follows them may be cut off or damaged. Undefined where there
 * is none.
 */
export function firstArmoredOctets(bytes: Uint8Array, label: string): Uint8Array | undefined {
  const text = textOf(bytes);
  const begin = nextBegin(text, 0);
  if (begin === undefined || begin === "malformed" || begin.label !== label) return undefined;
  const end = text.indexOf(DASHES, begin.end);
  const read = readParts(text, begin.end, end === -1 ? text.length : end);
  const text64 = read?.digits.toString("latin1", 0, FIRST_DIGITS).replaceAll(/[ \t\r\n]+/g, "");
  // A pattern of groups of four would take note of a place to go back to for each of them.
  const digits = /^[A-Za-z0-9+/]*/.exec(text64 ?? "")?.[0] ?? "";
  const whole = digits.slice(0, digits.length - (digits.length % 4));
  return whole === "" ? undefined : Buffer.from(whole, "base64");
}

/** Whether bytes are OpenPGP packets: their first bit says so (RFC 9580 §4.2), where it is not that of a byte order mark. */
export function isBinary(bytes: Uint8Array): boolean {
  const [first = 0, second] = bytes;
  const isMark = MARKS.some(([one, other]) => first === one && second === other);
  return first >= 0x80 && !isMark;
}

/** How the byte order marks of UTF-16 and UTF-8 begin. */
const MARKS = [
  [0xff, 0xfe],
  [0xfe, 0xff],
  [0xef, 0xbb],
] as const;
const UTF8_MARK = Buffer.of(0xef, 0xbb, 0xbf);
const FIRST_DIGITS = 4096;
const BEGIN = "-----BEGIN PGP ";
const DASHES = "-----";
const DASH = 0x2d;
const CR = 0x0d;
const LF = 0x0a;
/** Armor headers are for people; more than this is none (RFC 9580 §6.2.2). */
const MAX_HEADER_OCTETS = 8 * 1024;
/** Maximum size of a block with headers that is one line. */
const MAX_LINE_OCTETS = 1024 * 1024;

/** As text whose lines end in LF or CRLF, in a character set that keeps ASCII. */
function textOf(bytes: Uint8Array): Buffer {
  const buffer = fromUtf16(asBuffer(bytes));
  const hasCrAlone = buffer.includes(CR) && !buffer.includes(LF);
  return hasCrAlone ? Buffer.from(buffer.map((octet) => (octet === CR ? LF : octet))) : buffer;
}

function fromUtf16(bytes: Buffer): Buffer {
  const [first, second] = bytes;
  const isLittle = (first === 0xff && second === 0xfe) || (first === DASH && second === 0);
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second === DASH);
  if (!isLittle && !isBig) return bytes;
  const even = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2)));
  return Buffer.from((isBig ? even.swap16() : even).toString("utf16le"), "utf8");
}

type Begin = { readonly label: string; readonly end: number };
type Found =
  | { readonly kind: "block"; readonly block: ArmoredBlock; readonly end: number }
  | { readonly kind: "not-armored" }
  | { readonly kind: "malformed" };

const MALFORMED: Found = { kind: "malformed" };

function nextBlock(text: Buffer, from: number): Found {
  const begin = nextBegin(text, from);
  if (begin === undefined) return { kind: "not-armored" };
  if (begin === "malformed") return MALFORMED;
  const { label } = begin;
  const endLine = `-----END PGP ${label}-----`;
  const end = text.indexOf(endLine, begin.end, "latin1");
  const read = end === -1 ? undefined : readParts(text, begin.end, end);
  const data = read && decodeLines(read.digits, 0, digitsEnd(read.digits));
  if (read === undefined || data === undefined) return MALFORMED;
  return {
    kind: "block",
    block: { label, headers: read.headers, data },
    end: end + endLine.length,
  };
}

/** The next line that begins a block. What a clear text is signed by is a block, and the text is none (RFC 9580 §7). */
function nextBegin(text: Buffer, from: number): Begin | "malformed" | undefined {
  for (let at = text.indexOf(BEGIN, from, "latin1"); at !== -1;) {
    if (beginsLine(text, at)) {
      const start = at + BEGIN.length;
      const label = /^([A-Z ]{1,40})-----/.exec(text.toString("latin1", start, start + 50))?.[1];
      if (label === undefined) return "malformed";
      const end = start + label.length + DASHES.length;
      if (label !== "SIGNED MESSAGE") return { label, end };
    }
    at = text.indexOf(BEGIN, at + 1, "latin1");
  }
  return undefined;
}

/** Blanks and a byte order mark may stand before it in its line. */
function beginsLine(text: Buffer, at: number): boolean {
  let start = at;
  while (start > 0 && isBlank(text[start - 1])) start -= 1;
  const isMarked = start >= 3 && text.subarray(start - 3, start).equals(UTF8_MARK);
  if (isMarked) start -= 3;
  return start === 0 || text[start - 1] === LF;
}

type Parts = { readonly headers: readonly string[]; readonly digits: Buffer };

/** Header lines, and what follows them; undefined when there is nothing, or too much to be headers. */
function readParts(text: Buffer, start: number, end: number): Parts | undefined {
  const region = text.subarray(start, end);
  if (!region.includes(LF)) {
    const line = withLineEnds(region);
    if (line === region) return readLine(region);
    return readParts(line, 0, line.length);
  }
  const headers: string[] = [];
  let [at, octets] = [0, 0];
  for (;;) {
    const lineStart = afterBlanks(region, at);
    const isAfterEmptyLine = region.subarray(at, lineStart).includes(LF);
    const next = lineEnd(region, lineStart);
    const line = region
      .toString("latin1", lineStart, Math.min(next, lineStart + MAX_HEADER_OCTETS))
      .trimEnd();
    const mayGoOn = headers.length > 0 && !isAfterEmptyLine;
    if (!isHeader(line, mayGoOn)) {
      return line === "" ? undefined : { headers, digits: region.subarray(lineStart) };
    }
    octets += next - lineStart;
    if (octets > MAX_HEADER_OCTETS) return undefined;
    headers.push(line);
    at = next;
  }
}

/** Base64 has no colon. A header that a program has wrapped goes on in a line that is no base64. */
function isHeader(line: string, mayGoOn: boolean): boolean {
  if (line.startsWith(DASHES)) return false;
  return line.includes(":") || (mayGoOn && /[^A-Za-z0-9+/=\s]/.test(line));
}

/** A key that was pasted as a value of JSON or of a shell: its line ends are `\n` in two characters. */
function withLineEnds(line: Buffer): Buffer {
  if (line.length > MAX_LINE_OCTETS || !line.includes("\\n")) return line;
  return Buffer.from(line.toString("latin1").replaceAll(/(?:\\r)?\\n/g, "\n"), "latin1");
}

/** A block whose line ends became blanks: its base64 is the words of one length at its end, and one that may be shorter. */
function readLine(line: Buffer): Parts | undefined {
  if (!line.subarray(0, MAX_HEADER_OCTETS).includes(":")) return { headers: [], digits: line };
  if (line.length > MAX_LINE_OCTETS) return undefined;
  const words = line
    .subarray(0, digitsEnd(line))
    .toString("latin1")
    .trim()
    .split(/[ \t]+/);
  let from = words.length - 1;
  const width = words[from - 1]?.length ?? 0;
  const isLine = (word = ""): boolean =>
    word.length === width && width >= LEAST_WIDTH && /^[A-Za-z0-9+/]+$/.test(word);
  while (from > 0 && isLine(words[from - 1])) from -= 1;
  const headers = from === 0 ? [] : [words.slice(0, from).join(" ")];
  return { headers, digits: Buffer.from(words.slice(from).join(""), "latin1") };
}

/** Minimum length of a line of base64 that is not the last: words of headers are shorter. */
const LEAST_WIDTH = 32;

/** Where the base64 ends: before a checksum, which is `=` and four digits (RFC 9580 §6.1). */
function digitsEnd(digits: Buffer): number {
  let end = digits.length;
  while (end > 0 && isSpace(digits[end - 1])) end -= 1;
  const last = digits.toString("latin1", Math.max(0, end - 5), end);
  return /^=[A-Za-z0-9+/]{4}$/.test(last) ? end - 5 : end;
}

function afterBlanks(text: Buffer, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text[at])) at += 1;
  return at;
}

/** The position behind the LF that ends a line, or the end of the text. */
function lineEnd(text: Buffer, from: number): number {
  const at = text.indexOf(LF, from);
  return at === -1 ? text.length : at + 1;
}

function isBlank(octet: number | undefined): boolean {
  return octet === 0x20 || octet === 0x09;
}

function isSpace(octet: number | undefined): boolean {
  return isBlank(octet) || octet === CR || octet === LF;
}
