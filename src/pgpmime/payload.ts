/** The MIME entity that is signed and encrypted: the submitted message with its header protected (RFC 9788 §2). */
import { isAscii } from "node:buffer";

import { errorText } from "../base/errors.ts";
import { type EmailAddress, formatAddress } from "../mail/address.ts";
import { withoutParameters, withParameter } from "../mail/edit-parameters.ts";
import type { Entity } from "../mail/entity.ts";
import {
  fieldBody,
  firstField,
  type Header,
  type HeaderField,
  makeField,
  serializeHeader,
} from "../mail/header.ts";
import { scanMime } from "../mail/mime.ts";
import { applyEdits, type Edit } from "./edit.ts";
import { addElement, legacyLines } from "./legacy-display.ts";
import { mainBodyParts } from "./main-body.ts";
import { readProtectedHeader } from "./payload-header.ts";
import {
  authoredFields,
  hpOuterFields,
  isStructural,
  sendableFields,
} from "./protected-headers.ts";
import { UnsealableMessage } from "./unsealable.ts";

const LEGACY = "hp-legacy-display";
/** An unreadable Content-Type is taken as text/plain when it is short and names no structure. */
const MAX_MENDED = 1000;
const OURS = new Set(["hp", LEGACY]);
/** Fields of which a second one would let the reader see another author, text or structure than the sender. */
const MUST_BE_SINGLE = [
  "from",
  "sender",
  "subject",
  "date",
  "message-id",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
];

/**
 * The payload for a submitted message. The body keeps its bytes, but for the legacy display in its main parts. The reader
 * of a blind copy is named in a Bcc field of their own, the only one there is.
 * @throws UnsealableMessage when the message can be read in two ways or is beyond the limits of `scanMime`.
 */
export function makePayload(
  message: Uint8Array,
  blindReader?: EmailAddress,
  hasLegacyDisplay = true,
): Uint8Array {
  const root = scan(message);
  refuseAmbiguous(root);
  const lines = hasLegacyDisplay ? legacyLines(root.header) : [];
  const parts = new Map(
    mainBodyParts(root).map((part) => [part, addLegacyDisplay(message, part, lines)]),
  );
  const top = parts.get(root) ?? { header: structuralFields(root.header), body: undefined };
  parts.delete(root);
  const edits = [...parts].map(([part, made]) => partEdit(message, part, made));
  const blind = blindReader === undefined ? [] : [bccField(blindReader)];
  const header = serializeHeader([...blind, ...payloadHeader(root.header, top.header)]);
  const body = top.body ?? applyEdits(message, edits, root.bodyStart);
  const payload = Buffer.concat([header, Buffer.from("\r\n"), ...body]);
  // Its readers would be told that nothing of the header was signed.
  if (readProtectedHeader(payload).kind !== "cipher") {
    refuse("the message header can be read in two ways: a field is doubled or broken");
  }
  return payload;
}

function bccField(reader: EmailAddress): HeaderField {
  return makeField("Bcc", formatAddress(reader), { utf8: true });
}

function scan(message: Uint8Array): Entity {
  try {
    return scanMime(message);
  } catch (error) {
    throw new UnsealableMessage(errorText(error), error);
  }
}

function refuseAmbiguous({ header, defects }: Entity): void {
  const names = header.map(({ name }) => name.toLowerCase());
  const twice = MUST_BE_SINGLE.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (twice !== undefined) refuse(`the message has more than one ${twice} field`);
  const [first] = header;
  if (first !== undefined && /^[ \t]/.test(String.fromCharCode(first.raw[0] ?? 0))) {
    refuse("the message header begins with a folded line");
  }
  const type = firstField(header, "content-type");
  if (defects.includes("content-type") && type !== undefined) {
    const body = fieldBody(type);
    const isDecisive = body.length > MAX_MENDED || /\b(?:boundary|protocol)\b/i.test(body);
    if (isDecisive) refuse("the message's Content-Type cannot be read");
  }
}

/** The parts' own header fields and, where it can carry the element, its new body. */
type Made = { readonly header: Header; readonly body: readonly Uint8Array[] | undefined };

function addLegacyDisplay(message: Uint8Array, part: Entity, lines: readonly string[]): Made {
  const header = structuralFields(part.header);
  const plain: Made = { header, body: undefined };
  if (!hasBody(message, part)) return plain;
  const made = addElement(message, part, lines);
  if (made === undefined) return plain;
  const { body, charset } = made;
  const field = firstField(header, "content-type") ?? makeField("Content-Type", "text/plain");
  const labelled = charset === undefined ? field : withCharset(field, charset);
  const marked = labelled && withParameter(labelled, LEGACY, "1");
  if (marked === undefined) return plain;
  const typed = replaceField(header, marked);
  const mustSay8bit = part.encoding === "7bit" && !body.every((piece) => isAscii(piece));
  return {
    header: mustSay8bit
      ? replaceField(typed, makeField("Content-Transfer-Encoding", "8bit"))
      : typed,
    body,
  };
}

function withCharset(field: HeaderField, charset: string): HeaderField | undefined {
  return withParameter(withoutParameters(field, CHARSET), "charset", charset);
}

/** In all forms of RFC 2231 §3 and §4. */
const CHARSET = new Set(["charset", "charset*", "charset*0", "charset*0*"]);

/** False when a delimiter stands where the empty line after the header should be. */
function hasBody(message: Uint8Array, { start, bodyStart, end }: Entity): boolean {
  const isEnded = end === message.length || message[end] === 13 || message[end] === 10;
  return start === 0 || (message[bodyStart - 1] === 10 && isEnded);
}

/** A part's header is written anew only when something in it changed. */
function partEdit(message: Uint8Array, part: Entity, made: Made): Edit {
  const other = part.header.filter((field) => !isStructural(field));
  const isChanged =
    made.body !== undefined || made.header.some((field) => !part.header.includes(field));
  const { start, bodyStart, end } = part;
  if (!isChanged) return { start, end: start, bytes: [] };
  const header = serializeHeader([...other, ...made.header]);
  const body = made.body ?? [message.subarray(bodyStart, end)];
  return { start, end, bytes: [header, Buffer.from("\r\n"), ...body] };
}

/** Without the parameters that only protected messages have: a submitted one has no say in them. */
function structuralFields(header: Header): Header {
  return header
    .filter(isStructural)
    .map((field) =>
      field.name.toLowerCase() === "content-type" ? withoutParameters(field, OURS) : field,
    );
}

function replaceField(header: Header, field: HeaderField): Header {
  const name = field.name.toLowerCase();
  const at = header.findIndex((other) => other.name.toLowerCase() === name);
  return at === -1 ? [...header, field] : header.with(at, field);
}

/** Fields keep their order; the structural ones stand where they stood, what was added after all, garbage last. */
function payloadHeader(submitted: Header, structural: Header): Header {
  const typed = withHp(structural);
  const authored = new Set(authoredFields(submitted));
  const kept = sendableFields(submitted).flatMap((field) => {
    if (!isStructural(field)) return authored.has(field) ? [field] : [];
    const made = typed.find(({ name }) => name.toLowerCase() === field.name.toLowerCase());
    return made === undefined || SINGLE.has(field.name.toLowerCase()) === false ? [field] : [made];
  });
  const names = new Set(kept.map(({ name }) => name.toLowerCase()));
  const added = typed.filter(({ name }) => !names.has(name.toLowerCase()));
  return [...kept, ...added, ...hpOuterFields(submitted), ...garbage(submitted)];
}

const SINGLE = new Set(["content-type", "content-transfer-encoding"]);

function withHp(structural: Header): Header {
  const field = firstField(structural, "content-type");
  // RFC 2045 §5.2: what cannot be read as a type is text/plain.
  const marked =
    (field && withParameter(field, "hp", "cipher")) ??
    withParameter(makeField("Content-Type", "text/plain"), "hp", "cipher");
  if (marked === undefined) refuse("the message's Content-Type cannot be read");
  return replaceField(structural, marked);
}

/** Lines that are no field may be misplaced text, so they never stand outside; an mbox "From " line is not of the message. */
function garbage(header: Header): Header {
  return header.filter(
    ({ name, raw }, index) =>
      name === "" && !(index === 0 && Buffer.from(raw.subarray(0, 5)).toString() === "From "),
  );
}

function refuse(why: string): never {
  throw new UnsealableMessage(why);
}
