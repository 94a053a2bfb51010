import { asBuffer } from "../base/bytes.ts";

/** One element of BER: its identifier, its content, and what follows it. */
type Element = { readonly tag: number; readonly content: Buffer; readonly rest: Buffer };

const OID = 0x06;
const INTEGER = 0x02;
const OCTETS = 0x04;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_1 = 0xa1;
const EXPLICIT_2 = 0xa2;
const IMPLICIT_0 = 0x80;
/** Content types of CMS that hide their content: EnvelopedData and AuthEnvelopedData (RFC 8551 §3.2.2). */
const ENVELOPED = "2a864886f70d010703";
const AUTH_ENVELOPED = "2a864886f70d0109100117";
const MAX_DEPTH = 12;
/** Maximum number of elements in a whole message; programs that stream write a piece for each kilobyte or more. */
const MAX_ELEMENTS = 100_000;

/** How many more elements are read of a message. */
type Budget = { left: number };

/**
 * True when bytes are one EnvelopedData (RFC 5652 §6.1) or AuthEnvelopedData (RFC 5083 §2.1), with its ciphertext within,
 * and nothing else. BER or DER, also with lengths that are left open.
 */
export function isEncryptedCms(bytes: Uint8Array): boolean {
  const budget = { left: MAX_ELEMENTS };
  const outer = readOnly(asBuffer(bytes), SEQUENCE, budget);
  const type = outer && read(outer, budget);
  if (type?.tag !== OID) return false;
  const content = readOnly(type.rest, EXPLICIT_0, budget);
  const data = content && readOnly(content, SEQUENCE, budget);
  if (data === undefined) return false;
  const name = type.content.toString("hex");
  if (name !== ENVELOPED && name !== AUTH_ENVELOPED) return false;
  return isEnveloped(data, name === AUTH_ENVELOPED, budget);
}

const HEADS = [
  [INTEGER, SET, SEQUENCE],
  [INTEGER, EXPLICIT_0, SET, SEQUENCE],
];
/** Attributes, and in AuthEnvelopedData a MAC. */
const TAILS = {
  enveloped: [[], [EXPLICIT_1]],
  authenticated: [
    [OCTETS],
    [EXPLICIT_1, OCTETS],
    [OCTETS, EXPLICIT_2],
    [EXPLICIT_1, OCTETS, EXPLICIT_2],
  ],
};

/** Version, originator, recipients and encrypted content in front of the rest. */
function isEnveloped(data: Buffer, isAuthenticated: boolean, budget: Budget): boolean {
  const elements = readAll(data, budget) ?? [];
  const tags = elements.map(({ tag }) => tag).join();
  const tails = TAILS[isAuthenticated ? "authenticated" : "enveloped"];
  const shapes = HEADS.flatMap((head) => tails.map((tail) => [...head, ...tail].join()));
  const contentOf = (tag: number): Buffer =>
    elements.find((each) => each.tag === tag)?.content ?? Buffer.alloc(0);
  const hasRecipients = (readAll(contentOf(SET), budget) ?? []).length > 0;
  return shapes.includes(tags) && hasRecipients && isEncryptedContent(contentOf(SEQUENCE), budget);
}

/** Content type, algorithm, and the ciphertext, which must be here and not elsewhere. */
function isEncryptedContent(bytes: Buffer, budget: Budget): boolean {
  const elements = readAll(bytes, budget) ?? [];
  const [, , ciphertext] = elements;
  const tags = elements.slice(0, 2).map(({ tag }) => tag);
  if (ciphertext === undefined || elements.length > 3 || tags.join() !== [OID, SEQUENCE].join()) {
    return false;
  }
  return ciphertext.tag === IMPLICIT_0
    ? ciphertext.content.length > 0
    : isInPieces(ciphertext, budget);
}

/** Each piece is an OCTET STRING with something in it. */
function isInPieces({ tag, content }: Element, budget: Budget): boolean {
  const pieces = tag === EXPLICIT_0 ? (readAll(content, budget) ?? []) : [];
  return (
    pieces.length > 0 && pieces.every((piece) => piece.tag === OCTETS && piece.content.length > 0)
  );
}

/** The content of the only element; undefined when it is of another kind, or anything stands behind it. */
function readOnly(bytes: Buffer, tag: number, budget: Budget): Buffer | undefined {
  const element = read(bytes, budget);
  return element?.tag === tag && element.rest.length === 0 ? element.content : undefined;
}

function readAll(bytes: Buffer, budget: Budget): readonly Element[] | undefined {
  const elements: Element[] = [];
  for (let left = bytes; left.length > 0;) {
    const element = read(left, budget);
    if (element === undefined) return undefined;
    elements.push(element);
    left = element.rest;
  }
  return elements;
}

/** ITU-T X.690 §8.1: identifier, length, content; a length that is left open ends at two zero octets. */
function read(bytes: Buffer, budget: Budget, depth = 0): Element | undefined {
  budget.left -= 1;
  const header = readHeader(bytes);
  if (header === undefined || depth > MAX_DEPTH || budget.left < 0) return undefined;
  const { tag, start, length } = header;
  if (length !== undefined) {
    const end = start + length;
    if (end > bytes.length) return undefined;
    return { tag, content: bytes.subarray(start, end), rest: bytes.subarray(end) };
  }
  for (let at = start; ;) {
    if (bytes[at] === 0 && bytes[at + 1] === 0) {
      return { tag, content: bytes.subarray(start, at), rest: bytes.subarray(at + 2) };
    }
    const inner = read(bytes.subarray(at), budget, depth + 1);
    if (inner === undefined) return undefined;
    at = bytes.length - inner.rest.length;
  }
}

type BerHeader = {
  readonly tag: number;
  readonly start: number;
  /** Undefined: left open. */
  readonly length: number | undefined;
};

function readHeader(bytes: Buffer): BerHeader | undefined {
  const [tag, first] = bytes;
  // Identifiers of more than one octet do not occur here.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  if (first < 0x80) return { tag, start: 2, length: first };
  const size = first & 0x7f;
  if (size === 0) return (tag & 0x20) === 0 ? undefined : { tag, start: 2, length: undefined };
  if (size > 4 || bytes.length < 2 + size) return undefined;
  return { tag, start: 2 + size, length: bytes.readUIntBE(2, size) };
}
