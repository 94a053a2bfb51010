/**
 * Ciphertext within a message that is not sealed as a whole: what lists, gateways and mail programs made of a sealed message,
 * inline OpenPGP, an encrypted message that is attached to another or encrypted once more. It is opened apart, on request,
 * and never counts for the message (RFC 9787 §4).
 */
import { randomBytes } from "node:crypto";

import { asBuffer } from "../base/bytes.ts";
import { dispositionOf } from "../mail/content-type.ts";
import { decodeBody, type Entity, rawBody } from "../mail/entity.ts";
import { scanLeniently } from "../mail/mime.ts";
import { decodeTransfer } from "../mail/transfer-encoding.ts";
import { beginsWithSessionKey } from "../openpgp/messages/whole-ciphertext.ts";
import { firstArmoredOctets, isBinary } from "../openpgp/packets/armored-blocks.ts";
import { isCiphertext, isEncryptedSmime } from "./detect.ts";

/** What was found. Of several ciphertexts, and of one that is no OpenPGP or stands in HTML, none is opened. */
export type FoundCiphertext =
  | { readonly kind: "one"; readonly ciphertext: Uint8Array }
  | { readonly kind: "unreadable" }
  | { readonly kind: "none" };

const ARMOR_BEGIN = "-----BEGIN PGP MESSAGE-----";
/** How much of an encoded body is decoded to see what it is. */
const LOOKED_AT_OCTETS = 128 * 1024;
/** Maximum depth of attached messages that are encoded, which RFC 2046 §5.2.1 forbids and programs do. */
const MAX_ENCODED_MESSAGES = 2;
/** Maximum size of such a message: it is decoded to be looked into. */
const MAX_ENCODED_OCTETS = 8 * 1024 * 1024;
const ENCODED: ReadonlySet<string> = new Set(["base64", "quoted-printable"]);

/** Looks into all parts of a message or entity. */
export function findCiphertext(message: Uint8Array): FoundCiphertext {
  const places = placesIn(message, scanLeniently(message), { depth: 0, isClaimed: false });
  const own = places.filter(({ isHtml }) => !isHtml);
  const [first, second] = own.length > 0 ? own : places;
  if (first === undefined) return { kind: "none" };
  return second === undefined && first.ciphertext !== undefined
    ? { kind: "one", ciphertext: first.ciphertext() }
    : { kind: "unreadable" };
}

/** A sealed message that holds a ciphertext and nothing else, in the form that `open` reads. */
export function sealedAlone(ciphertext: Uint8Array): Uint8Array {
  const boundary = `=_${randomBytes(18).toString("hex")}`;
  const opening = [
    `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="${boundary}"`,
    "",
    `--${boundary}`,
    "Content-Type: application/pgp-encrypted",
    "",
    "Version: 1",
    `--${boundary}`,
    "Content-Type: application/octet-stream",
    "Content-Transfer-Encoding: binary",
    "",
    "",
  ].join("\r\n");
  return Buffer.concat([Buffer.from(opening), ciphertext, Buffer.from(`\r\n--${boundary}--\r\n`)]);
}

/** Where a ciphertext stands; undefined `ciphertext`: it is not one that we open. */
type Place = { readonly isHtml: boolean; readonly ciphertext: (() => Uint8Array) | undefined };
type Within = {
  /** How many encoded messages it stands in. */
  readonly depth: number;
  /** It stands in a part that calls itself encrypted. */
  readonly isClaimed: boolean;
};

function placesIn(message: Uint8Array, part: Entity, within: Within): readonly Place[] {
  const { type, subtype } = part.contentType;
  if (part.parts.length > 0) {
    const isClaimed = within.isClaimed || (type === "multipart" && subtype === "encrypted");
    return part.parts.flatMap((each) => placesIn(message, each, { ...within, isClaimed }));
  }
  if (isEncryptedSmime(part.contentType)) return [{ isHtml: false, ciphertext: undefined }];
  if (type === "message" && ENCODED.has(part.encoding)) {
    const isLarge = part.end - part.bodyStart > MAX_ENCODED_OCTETS;
    if (isLarge || within.depth >= MAX_ENCODED_MESSAGES) return [];
    const inner = decodeBody(message, part);
    const depth = within.depth + 1;
    return placesIn(inner, scanLeniently(inner), { depth, isClaimed: false });
  }
  return placeAt(message, part, within.isClaimed);
}

function placeAt(message: Uint8Array, part: Entity, isClaimed: boolean): readonly Place[] {
  const { type, subtype } = part.contentType;
  const head = headOf(message, part);
  if (type === "text" && subtype === "html") {
    return head.includes(ARMOR_BEGIN) ? [{ isHtml: true, ciphertext: undefined }] : [];
  }
  if (isBinary(head)) {
    const isIt = isCiphertext(head) && (beginsWithSessionKey(head) || isNamed(part, isClaimed));
    return isIt ? [{ isHtml: false, ciphertext: () => decodeBody(message, part) }] : [];
  }
  const starts = armorStarts(head);
  const [start, other] = starts;
  if (start === undefined) return [];
  return other === undefined
    ? [{ isHtml: false, ciphertext: () => decodeBody(message, part).subarray(start) }]
    : [{ isHtml: false, ciphertext: undefined }];
}

/** The body, or as much of an encoded one as is needed to see what it is. */
function headOf(message: Uint8Array, part: Entity): Buffer {
  const raw = rawBody(message, part);
  if (!ENCODED.has(part.encoding)) return asBuffer(raw);
  return asBuffer(decodeTransfer(raw.subarray(0, LOOKED_AT_OCTETS), part.encoding));
}

/** Many octets look like the first of a packet. Where no session key follows, the part must call itself ciphertext. */
function isNamed({ contentType, header }: Entity, isClaimed: boolean): boolean {
  const { type, subtype } = contentType;
  const isTyped = type === "application" && /^pgp(?:-encrypted)?$/.test(subtype);
  return isClaimed || isTyped || /\.(?:pgp|gpg)$/i.test(dispositionOf(header).filename ?? "");
}

/** Where armored ciphertext begins, the first two places: two count as much as more. */
function armorStarts(text: Buffer): readonly number[] {
  const starts: number[] = [];
  let at = text.indexOf(ARMOR_BEGIN);
  for (let tries = 0; at !== -1 && starts.length < 2 && tries < MAX_TRIES; tries += 1) {
    const block = text.subarray(at, at + LOOKED_AT_BLOCK_OCTETS);
    const first = isQuoted(text, at) ? undefined : firstArmoredOctets(block, "MESSAGE");
    if (first !== undefined && isCiphertext(first)) starts.push(at);
    at = text.indexOf(ARMOR_BEGIN, at + 1);
  }
  return starts;
}

/** Maximum number of lines that begin armor and are looked at, and how much of each block. */
const MAX_TRIES = 100;
const LOOKED_AT_BLOCK_OCTETS = 16 * 1024;
const MAX_INDENT = 200;

/** Whether anything but blanks and a byte order mark stands before it in its line. */
function isQuoted(text: Buffer, at: number): boolean {
  const before = text.toString("utf8", Math.max(0, at - MAX_INDENT), at);
  return !/(?:^|\n)[ \t\ufeff]*$/.test(before);
}
