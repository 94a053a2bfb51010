import { asBuffer } from "../base/bytes.ts";
import { AppError } from "../base/errors.ts";
import { decodeUnlabelled } from "./charset.ts";
import { decodeWords, encodeWords } from "./encoded-word.ts";

/** One field; `raw` is all of it as received, folding and final line end included. A line that is no field has the name "". */
export type HeaderField = { readonly name: string; readonly raw: Uint8Array };

/** Fields in their order, duplicates included (RFC 5322 §3.6: order can matter, and duplicates must be seen to be refused). */
export type Header = readonly HeaderField[];

const CR = 13;
const LF = 10;
export const COLON = 58;
const FOLD_AT = 78;
const MAX_LINE = 998;
/** What people read of a field; more of it is no text for them. */
const MAX_DECODED = 64 * 1024;
/** Maximum length of a structured field, in octets. */
const MAX_STRUCTURED = 64 * 1024;

/** A message with more in its header is refused where it enters; no honest one comes near. */
export const HEADER_LIMITS = { octets: 1024 * 1024, fields: 2000 } as const;
/** A protected header repeats each field as `HP-Outer` and adds some of its own, as do the relays outside. */
const READ_LIMITS = {
  octets: 2.5 * HEADER_LIMITS.octets,
  fields: 2.5 * HEADER_LIMITS.fields,
} as const;
/** RFC 5322 §2.2 `ftext`; blanks before the colon are §4.5's obsolete syntax. */
const FIELD_NAME = /^[!-9;-~]+(?=[ \t]*$)/;

type ParsedHeader = {
  readonly header: Header;
  readonly bodyOffset: number;
  /** False: there is more than anybody should read, and all that is beyond, the body too, is the last, nameless field. */
  readonly isWhole: boolean;
};

/**
 * The header of a message or entity, and where its body starts. Nothing is refused: what is no field becomes one with
 * the name "". Without an empty line everything is header. However much there is, it costs milliseconds.
 */
export function parseHeader(bytes: Uint8Array): ParsedHeader {
  const buffer = asBuffer(bytes);
  const header: HeaderField[] = [];
  let start = 0;
  while (start < buffer.length) {
    if (isEmptyLine(buffer, start)) {
      return { header, bodyOffset: lineEnd(buffer, start), isWhole: true };
    }
    const end = header.length < READ_LIMITS.fields ? fieldEnd(buffer, start) : undefined;
    if (end === undefined)
      return {
        header: [...header, restOf(buffer, start)],
        bodyOffset: buffer.length,
        isWhole: false,
      };
    header.push(parseField(buffer.subarray(start, end)));
    start = end;
  }
  return { header, bodyOffset: buffer.length, isWhole: true };
}

/** Whether a message's outer header is small enough to be let in. */
export function isHeaderAcceptable({ header, isWhole }: ParsedHeader): boolean {
  if (!isWhole || header.length > HEADER_LIMITS.fields) return false;
  return header.reduce((sum, { raw }) => sum + raw.length, 0) <= HEADER_LIMITS.octets;
}

/** Undefined: the field ends beyond what is read. */
function fieldEnd(buffer: Buffer, start: number): number | undefined {
  let end = lineEnd(buffer, start);
  while (end <= READ_LIMITS.octets && isBlank(buffer[end])) end = lineEnd(buffer, end);
  return end <= READ_LIMITS.octets ? end : undefined;
}

/** Where such a header ends is not searched for: nothing is done with a message that has one. */
function restOf(buffer: Buffer, start: number): HeaderField {
  return { name: "", raw: buffer.subarray(start) };
}

/** Most lines end so near; to call `indexOf` costs more than to look at these. */
const NEAR_OCTETS = 80;

function lineEnd(bytes: Uint8Array, start: number): number {
  const near = Math.min(start + NEAR_OCTETS, bytes.length);
  for (let at = start; at < near; at += 1) if (bytes[at] === LF) return at + 1;
  const lf = bytes.indexOf(LF, near);
  return lf === -1 ? bytes.length : lf + 1;
}

function isEmptyLine(bytes: Uint8Array, start: number): boolean {
  return bytes[start] === LF || (bytes[start] === CR && bytes[start + 1] === LF);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 32 || byte === 9;
}

function parseField(raw: Buffer): HeaderField {
  const colon = raw.indexOf(COLON);
  const isName = colon >= 1 && colon <= MAX_LINE;
  const name = !isName ? "" : (FIELD_NAME.exec(raw.toString("latin1", 0, colon))?.[0] ?? "");
  return { name, raw };
}

/** What stands after the colon: unfolded, trimmed, UTF-8 (or else ISO 8859-1) read as text (RFC 6532), nothing decoded. */
export function fieldBody(field: HeaderField): string {
  const raw = asBuffer(field.raw);
  const text = decodeUnlabelled(field.name === "" ? raw : raw.subarray(raw.indexOf(COLON) + 1));
  return text.replace(/\r?\n/g, "").trim();
}

/**
 * As `fieldBody`, of a field that is read by its grammar; undefined beyond 64 KiB. No honest one comes near, and one that
 * cannot be read protects, names and permits nothing.
 */
export function structuredBody(field: HeaderField): string | undefined {
  return field.raw.length <= MAX_STRUCTURED ? fieldBody(field) : undefined;
}

/** All fields of that name in their order; case does not matter. */
export function fieldsNamed(header: Header, name: string): readonly HeaderField[] {
  const wanted = name.toLowerCase();
  return header.filter((field) => field.name.toLowerCase() === wanted);
}

export function firstField(header: Header, name: string): HeaderField | undefined {
  const wanted = name.toLowerCase();
  return header.find((field) => field.name.toLowerCase() === wanted);
}

/** The header without the fields whose lower-case names are given. */
export function withoutFields(header: Header, names: ReadonlySet<string>): Header {
  return header.filter((field) => !names.has(field.name.toLowerCase()));
}

/** The body for people: encoded words decoded (RFC 2047), then controls and direction overrides removed. */
export function decodedText(field: HeaderField): string {
  return printable(decodeWords(fieldBody(field).slice(0, MAX_DECODED)));
}

/** One line of text without control characters and without overrides of the writing direction. */
export function printable(text: string): string {
  return text
    .replace(/[\r\n\t\u{2028}\u{2029}]+/gu, " ")
    .replace(/[\p{Cc}\p{Cs}\u{202A}-\u{202E}\u{2066}-\u{2069}]/gu, "")
    .trim();
}

/**
 * A field from text, folded at blanks to 78 characters where there are any. Words with characters beyond ASCII become
 * encoded words unless `utf8` allows them as they are (RFC 6532).
 * @throws AppError when the body holds CR, LF or NUL (which would make another field of it) or the name is none.
 */
export function makeField(
  name: string,
  body: string,
  options: { readonly utf8?: boolean } = {},
): HeaderField {
  if (!/^[!-9;-~]+$/.test(name) || name.length > FOLD_AT - 2 || /[\r\n\0]/.test(body)) {
    throw new AppError("a header field with a line break or a bad name was refused", {
      temporary: false,
    });
  }
  const words = encodeWords(body.trim(), { utf8: options.utf8 === true, maxWord: MAX_LINE - 1 });
  const lines: string[] = [];
  let line = `${name}:`;
  for (const [index, word] of (words.match(/[ \t]*[^ \t]+/g) ?? []).entries()) {
    const piece = index === 0 ? ` ${word}` : word;
    const isTooLong = line.length + piece.length > (index === 0 ? MAX_LINE : FOLD_AT);
    if (isTooLong) lines.push(line);
    line = isTooLong ? piece : line + piece;
  }
  return { name, raw: Buffer.from(`${[...lines, line].join("\r\n")}\r\n`, "utf8") };
}

/** The fields as they are, each ended by a line end; without the empty line that ends a header. */
export function serializeHeader(header: Header): Uint8Array {
  return Buffer.concat(
    header.flatMap(({ raw }) => (raw.at(-1) === LF ? [raw] : [raw, Buffer.from("\r\n")])),
  );
}
