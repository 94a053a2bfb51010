/**
 * Reading the header of a payload: which fields its author protected, and how its body is built. There is one reading.
 * The verdict, the list, the search, an answer and the message that is shown all use it. None of them can therefore be
 * told another author, subject or date than the others.
 */
import { asBuffer } from "../base/bytes.ts";
import { contentTypeOf } from "../mail/content-type.ts";
import {
  fieldBody,
  fieldsNamed,
  type Header,
  type HeaderField,
  makeField,
  parseHeader,
} from "../mail/header.ts";
import { checkLineEnds, toCrlf } from "../mail/mail.ts";
import { authoredByPeer, hpOuterEntries, isStructural, outerEntry } from "./protected-headers.ts";

/**
 * The fields that the octets of a payload protect, if any: by RFC 9788 §2.1.1 (`hp="cipher"`, `hp="clear"`), or in the older
 * form `protected-headers="v1"` of Thunderbird, K-9, mutt, Delta Chat and GPG Mail.
 */
export type ProtectedHeader =
  | { readonly kind: "none" }
  | {
      readonly kind: "cipher" | "clear" | "v1";
      readonly fields: Header;
      /** The outer fields that the author knows of, as `outerEntry` gives them (RFC 9788 §2.2.1). */
      readonly outside: ReadonlySet<string>;
    };

export type Payload = {
  readonly protectedHeader: ProtectedHeader;
  /** Content-* and MIME-Version, written in a form that has one reading. */
  readonly structural: Header;
  /** The bytes from which the body is taken; `bodyOffset` is where it begins in them. */
  readonly entity: Uint8Array;
  readonly bodyOffset: number;
};

/** Fields of which RFC 5322 §3.6 or RFC 2045 §3 allows one: with two of them, two readers see two messages. */
const SINGLE = [
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "bcc",
  "message-id",
  "in-reply-to",
  "references",
  "subject",
  "date",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
  "content-disposition",
];
const NO_HEADER: ProtectedHeader = { kind: "none" };
/** RFC 5322 §2.2: the colon follows the name at once. */
const NAME = /^[!-9;-~]+:/;
const MAX_NAME_LINE = 1000;
const CR = 13;
const LF = 10;

/** The protected fields of a payload. A header that could be read in two ways protects nothing. */
export function readProtectedHeader(payload: Uint8Array): ProtectedHeader {
  const { header, isWhole } = parseHeader(payload);
  if (!isWhole || !hasOneReading(header)) return NO_HEADER;
  const kind = protectionNamed(header);
  if (kind === undefined) return NO_HEADER;
  const fields = authoredByPeer(header);
  const outside = kind === "v1" ? fields.map(outerEntry) : hpOuterEntries(header);
  return { kind, fields, outside: new Set(outside) };
}

/** Where `hp` stands, whatever its value, RFC 9788 alone applies. */
function protectionNamed(header: Header): "cipher" | "clear" | "v1" | undefined {
  const { parameters } = contentTypeOf(header);
  const hp = parameters.get("hp");
  if (hp === "cipher" || hp === "clear") return hp;
  return hp === undefined && parameters.get("protected-headers")?.toLowerCase() === "v1"
    ? "v1"
    : undefined;
}

/**
 * The payload as it is shown. Text without a header is text alone: some programs encrypt no MIME entity, and a text may begin
 * with a word and a colon.
 */
export function readPayload(payload: Uint8Array): Payload {
  const protectedHeader = readProtectedHeader(payload);
  const entity = hasOnlyBareLf(payload) ? toCrlf(payload) : payload;
  const { header, bodyOffset } = parseHeader(entity);
  const structural = firstOfSingle(header.filter(isStructural)).flatMap(rewritten);
  const isText = header[0]?.name === "" || (structural.length === 0 && !isMessageHeader(header));
  return isText
    ? { protectedHeader, structural: [], entity, bodyOffset: 0 }
    : { protectedHeader, structural, entity, bodyOffset };
}

/** Whether fields that say nothing of a body are those of a message (RFC 5322 §3.6), or there are none. */
function isMessageHeader(header: Header): boolean {
  return header.length === 0 || (fieldsNamed(header, "from").length > 0 && hasOneReading(header));
}

/** Of each field that may stand once the first one: of two it would be the program's choice which one is shown. */
export function firstOfSingle(header: Header): Header {
  const seen = new Set<string>();
  return header.filter((field) => {
    const name = field.name.toLowerCase();
    const isSecond = seen.has(name);
    if (SINGLE.includes(name)) seen.add(name);
    return !isSecond;
  });
}

function hasOnlyBareLf(bytes: Uint8Array): boolean {
  return checkLineEnds(bytes) === "bare-lf" && !bytes.includes(13);
}

/** Whether every program reads the same fields in a header. */
function hasOneReading(header: Header): boolean {
  return header.every(isClear) && firstOfSingle(header).length === header.length;
}

function isClear({ name, raw }: HeaderField): boolean {
  if (name === "") return false;
  const bytes = asBuffer(raw);
  const end = bytes.length - 2;
  const isEnded = end >= 0 && bytes[end] === CR && bytes[end + 1] === LF;
  const isNamed = NAME.test(bytes.toString("latin1", 0, MAX_NAME_LINE));
  return isNamed && isEnded && !hasTwoReadings(bytes, end);
}

/** In a field up to its last line end: NUL, half a line end, a line that continues nothing, a line of blanks alone. */
function hasTwoReadings(bytes: Buffer, end: number): boolean {
  for (let at = 0; at < end; at++) {
    const octet = bytes[at];
    if (octet === 0 || octet === LF) return true;
    if (octet !== CR) continue;
    if (bytes[at + 1] !== LF) return true;
    const start = at + 2;
    at += 2;
    while (at < end && isBlank(bytes[at])) at++;
    if (at === start || at >= end || bytes[at] === CR) return true;
    at -= 1;
  }
  return false;
}

function isBlank(octet: number | undefined): boolean {
  return octet === 32 || octet === 9;
}

/** The field with one reading: as it is where it has one, else written again from its name and text; garbage gives none. */
export function rewritten(field: HeaderField): Header {
  if (isClear(field)) return [field];
  if (field.name === "") return [];
  const text = fieldBody(field).replace(/[\r\n\0]+/g, " ");
  return field.name.length > MAX_NAME ? [] : [makeField(field.name, text, { utf8: true })];
}

/** `makeField` writes no longer names; no field of RFC 5322 has one. */
const MAX_NAME = 76;
