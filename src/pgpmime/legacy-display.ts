/**
 * The legacy display element (RFC 9788 §2.1.2): the subject and other hidden fields once more as text, for readers whose
 * program does not know protected headers. Where a part cannot carry it, it is left out; a part is never broken by it.
 */
import { isAscii, isUtf8 } from "node:buffer";

import { asBuffer } from "../base/bytes.ts";
import { encodeCharset, isAsciiName, isAsciiSuperset } from "../mail/charset.ts";
import { encodeText } from "../mail/encode-text.ts";
import { decodeBody, type Entity, rawBody } from "../mail/entity.ts";
import { decodedText, fieldBody, firstField, type Header } from "../mail/header.ts";
import { decodeTransfer, encodeTransfer } from "../mail/transfer-encoding.ts";
import { hiddenFromReaders } from "./protected-headers.ts";

const KNOWN_ENCODINGS = new Set(["7bit", "8bit", "binary", "base64", "quoted-printable"]);
const DIV_CLASS = "header-protection-legacy-display";
const DIV_OPEN = `<div class="${DIV_CLASS}">`;
/** Keeps a line within the 998 octets of RFC 5322 §2.1.1, whatever the character set. */
const MAX_LINE_CHARACTERS = 240;
/** Elements whose content is no markup. */
const OPAQUE = new Set(["script", "style", "title"]);

/** One `Name: value` for each hidden field, as people read it. */
export function legacyLines(header: Header): readonly string[] {
  return hiddenFromReaders(header).map((field) => {
    const characters = Array.from(`${field.name}: ${decodedText(field)}`);
    const isLong = characters.length > MAX_LINE_CHARACTERS;
    return isLong ? `${characters.slice(0, MAX_LINE_CHARACTERS).join("")}...` : characters.join("");
  });
}

/**
 * A body with the element, still in its transfer encoding, in pieces: what stays as it is is not copied. `charset` is set
 * where it is another one now.
 */
export type WithElement = { readonly body: readonly Uint8Array[]; readonly charset?: "utf-8" };

/** The part's body with the element; undefined where it cannot carry one. */
export function addElement(
  message: Uint8Array,
  part: Entity,
  lines: readonly string[],
): WithElement | undefined {
  const charset = part.contentType.parameters.get("charset") ?? "us-ascii";
  if (lines.length === 0 || !isRewritable(message, part)) return undefined;
  if (part.contentType.subtype === "html") return addToHtml(message, part, charset, lines);
  const text = `${lines.join("\r\n")}\r\n\r\n`;
  const element = encodeCharset(text, charset);
  if (element !== undefined) return before(message, part, element);
  const own = decodeBody(message, part);
  // ASCII is UTF-8 as it is.
  if (isAsciiSuperset(charset) && (isAscii(own) || (isAsciiName(charset) && isUtf8(own)))) {
    return { ...before(message, part, Buffer.from(text, "utf8")), charset: "utf-8" };
  }
  const said = isAsciiName(charset) ? undefined : encodeText(text, charset);
  return said && before(message, part, said);
}

/** The body keeps its bytes where it can: quoted-printable text can be put before quoted-printable text. */
function before(message: Uint8Array, part: Entity, element: Uint8Array): WithElement {
  if (part.encoding === "base64") {
    const body = Buffer.concat([element, decodeBody(message, part)]);
    return { body: [encodeTransfer(body, part.encoding)] };
  }
  return { body: [encodeTransfer(element, part.encoding), rawBody(message, part)] };
}

/**
 * False where another program might decode the part to other bytes than we do, so that encoding it anew would change what
 * its reader sees: an encoding written oddly, blanks that end a quoted-printable line, base64 with strange characters.
 */
function isRewritable(message: Uint8Array, part: Entity): boolean {
  if (!KNOWN_ENCODINGS.has(part.encoding)) return false;
  const field = firstField(part.header, "content-transfer-encoding");
  if (field !== undefined && fieldBody(field).toLowerCase() !== part.encoding) return false;
  const raw = asBuffer(rawBody(message, part));
  if (part.encoding === "quoted-printable") return !hasBlankAtLineEnd(raw);
  return part.encoding !== "base64" || isPlainBase64(raw.toString("latin1"));
}

function hasBlankAtLineEnd(raw: Buffer): boolean {
  const last = raw.at(-1);
  return last === SPACE || last === TAB || BLANK_ENDS.some((end) => raw.includes(end));
}

const SPACE = 32;
const TAB = 9;
/** Without a pattern: the machine searches for each of them in one go. */
const BLANK_ENDS = [" \n", "\t\n", " \r\n", "\t\r\n"].map((end) => Buffer.from(end, "latin1"));

/** Digits and line ends, then at most two signs of padding, then blanks; each octet is looked at once. */
function isPlainBase64(raw: string): boolean {
  const text = raw.trimEnd();
  const digits = text.replace(/={1,2}$/, "");
  return !/[^A-Za-z0-9+/\r\n]/.test(digits);
}

function addToHtml(
  message: Uint8Array,
  part: Entity,
  charset: string,
  lines: readonly string[],
): WithElement | undefined {
  if (!isAsciiSuperset(charset)) return undefined;
  const body = asBuffer(decodeBody(message, part));
  const at = placeInHtml(body);
  if (at === undefined) return undefined;
  const element = `${DIV_OPEN}<pre>${lines.map(escapeHtml).join("\r\n")}</pre></div>`;
  const pieces = [body.subarray(0, at), Buffer.from(element, "latin1"), body.subarray(at)];
  const isEncoded = part.encoding === "base64" || part.encoding === "quoted-printable";
  return { body: isEncoded ? [encodeTransfer(Buffer.concat(pieces), part.encoding)] : pieces };
}

/** Most pages begin their body soon. A tag that is found in the first octets is the first one of all, too. */
function placeInHtml(body: Buffer): number | undefined {
  const first = htmlBodyStart(body.toString("latin1", 0, FIRST_OCTETS)) ?? 0;
  return first > 0 ? first : htmlBodyStart(body.toString("latin1"));
}

const FIRST_OCTETS = 16 * 1024;

/** ASCII alone, so that it reads the same in every character set. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']|[^ -~]/gu, (character) => `&#${String(character.codePointAt(0))};`);
}

/**
 * The index after the `<body>` tag; a fragment without any of the tags of a page starts at 0. Comments, scripts and the like
 * are passed over. Undefined: no place is certain.
 */
function htmlBodyStart(html: string): number | undefined {
  const lower = html.toLowerCase();
  const landmark = /<(?:(body|html|head|script|style|title)(?=[\s>/])|(!--)|!doctype)/g;
  let isFragment = true;
  for (let match = landmark.exec(lower); match !== null; match = landmark.exec(lower)) {
    const tag = match[1] ?? match[2] ?? "";
    if (tag === "body") return after(lower, ">", match.index);
    const end = tag === "!--" ? "-->" : OPAQUE.has(tag) ? `</${tag}` : undefined;
    if (end === undefined) {
      isFragment = false;
    } else {
      const next = after(lower, end, landmark.lastIndex);
      if (next === undefined) return undefined;
      landmark.lastIndex = next;
    }
  }
  return isFragment ? 0 : undefined;
}

/** The index after the next such text. */
function after(text: string, what: string, from: number): number | undefined {
  const at = text.indexOf(what, from);
  return at === -1 ? undefined : at + what.length;
}

/** The part's body, still in its transfer encoding, without the element; undefined when there is none. */
export function removeElement(message: Uint8Array, part: Entity): Uint8Array | undefined {
  if (!KNOWN_ENCODINGS.has(part.encoding)) return undefined;
  return part.contentType.subtype === "html"
    ? removeFromHtml(message, part)
    : removeFromText(message, part);
}

/** All up to and including the first empty line (RFC 9788 §4.5.3.2). */
function removeFromText(message: Uint8Array, part: Entity): Uint8Array | undefined {
  // Where the encoded text can be cut at the same place, the rest keeps its bytes, and is not looked at.
  const raw = asBuffer(rawBody(message, part));
  const rawEnd = part.encoding === "base64" ? undefined : afterEmptyLine(raw);
  const head = asBuffer(decodeTransfer(raw.subarray(0, rawEnd ?? 0), part.encoding));
  if (rawEnd !== undefined && afterEmptyLine(head) === head.length) return raw.subarray(rawEnd);
  const body = asBuffer(decodeBody(message, part));
  const end = afterEmptyLine(body);
  return end === undefined ? undefined : encodeTransfer(body.subarray(end), part.encoding);
}

function afterEmptyLine(text: Buffer): number | undefined {
  for (let at = 0; at !== -1 && at < text.length;) {
    if (text[at] === 10) return at + 1;
    if (text[at] === 13 && text[at + 1] === 10) return at + 2;
    const lineFeed = text.indexOf(10, at);
    at = lineFeed === -1 ? -1 : lineFeed + 1;
  }
  return undefined;
}

/** The first `div` of that class (RFC 9788 §4.5.3.3). */
function removeFromHtml(message: Uint8Array, part: Entity): Uint8Array | undefined {
  const body = asBuffer(decodeBody(message, part));
  const text = body.toString("latin1");
  const marked = text.indexOf(DIV_CLASS);
  const start = marked === -1 ? -1 : text.lastIndexOf("<", marked);
  if (start === -1 || !/^<div\s[^>]*$/i.test(text.slice(start, marked))) return undefined;
  const close = text.slice(marked).search(/<\/div\s*>/i);
  if (close === -1) return undefined;
  const end = text.indexOf(">", marked + close) + 1;
  const rest = Buffer.concat([body.subarray(0, start), body.subarray(end)]);
  return encodeTransfer(rest, part.encoding);
}
