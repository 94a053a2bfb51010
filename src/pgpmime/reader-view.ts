import { isResultField } from "../mail/auth-results.ts";
import { withoutParameters } from "../mail/edit-parameters.ts";
import {
  firstField,
  type Header,
  type HeaderField,
  makeField,
  parseHeader,
  serializeHeader,
} from "../mail/header.ts";
import { checkLineEnds, toCrlf } from "../mail/message.ts";
import type { Entity } from "../mail/entity.ts";
import { scanLeniently } from "../mail/mime.ts";
import { applyEdits, type Edit } from "./edit.ts";
import { removeElement } from "./legacy-display.ts";
import { mainBodyParts } from "./main-body.ts";
import {
  authoredByPeer,
  hasProtectedHeader,
  hpOuterEntries,
  isStructural,
  outerEntry,
} from "./protected-headers.ts";

const LEGACY = "hp-legacy-display";
const OURS = new Set(["hp", LEGACY]);
/** Fields that relays, lists and filters add outside, and that a reader or his sieve script expects (RFC 9788 §4.1). */
const ADDED_ON_THE_WAY =
  /^(?:return-path|received|delivered-to|x-original-to|authentication-results|arc-.*|received-spf|list-.*|archived-at|resent-.*|x-spam.*|x-rspamd.*|x-virus.*)$/;
/** Without these a mail program shows nonsense, so they come from outside when they are missing inside. */
const NEEDED = ["from", "date", "message-id"];

/**
 * The message that a reader sees, as a plain one: the payload's header where it is protected, the payload's body without
 * what was put in for older programs. Of the outer fields only those stay that are added on the way. `from: "outer"` shows
 * the outer author, for a message whose inner one is not confirmed (RFC 9788 §4.4.2).
 */
export function readerView(
  outer: Header,
  payload: Uint8Array,
  options: { readonly from?: "protected" | "outer" } = {},
): Uint8Array {
  const entity = hasOnlyBareLf(payload) ? toCrlf(payload) : payload;
  const { header, bodyOffset } = parseEntity(entity);
  const isProtected = hasProtectedHeader(header);
  const shown = isProtected ? protectedFields(outer, header, options.from) : outerView(outer);
  const { structural, body } = isProtected
    ? withoutLegacyDisplay(entity, header, bodyOffset)
    : { structural: header.filter(isStructural), body: [entity.subarray(bodyOffset)] };
  const version = firstField(structural, "mime-version") ?? makeField("MIME-Version", "1.0");
  const isTyped = structural.length > 0;
  const fields = isTyped ? [...shown, version, ...withoutVersion(structural)] : shown;
  return Buffer.concat([serializeHeader(fields), Buffer.from("\r\n"), ...body]);
}

/** A payload without any header field is text alone: some programs encrypt no MIME entity. */
function parseEntity(payload: Uint8Array): {
  readonly header: Header;
  readonly bodyOffset: number;
} {
  const parsed = parseHeader(payload);
  return parsed.header[0]?.name === "" ? { header: [], bodyOffset: 0 } : parsed;
}

function hasOnlyBareLf(bytes: Uint8Array): boolean {
  return checkLineEnds(bytes) === "bare-lf" && !bytes.includes(13);
}

function withoutVersion(header: Header): Header {
  return header.filter(({ name }) => name.toLowerCase() !== "mime-version");
}

function protectedFields(
  outer: Header,
  payloadHeader: Header,
  from: "protected" | "outer" | undefined,
): Header {
  const known = hpOuterEntries(payloadHeader);
  const authored = authoredByPeer(payloadHeader).filter(
    (field) => from !== "outer" || field.name.toLowerCase() !== "from",
  );
  const added = outer.filter(
    (field) =>
      ADDED_ON_THE_WAY.test(field.name.toLowerCase()) &&
      !isResultField(field) &&
      !known.has(outerEntry(field)),
  );
  const missing = NEEDED.filter((name) => firstField(authored, name) === undefined);
  const needed = missing.flatMap((name) => firstField(outer, name) ?? []);
  return [...added, ...authored, ...needed];
}

/** Without protection inside, what stood outside is all there is. */
function outerView(outer: Header): Header {
  return outer.filter(
    (field) =>
      field.name !== "" &&
      !isStructural(field) &&
      !isResultField(field) &&
      field.name.toLowerCase() !== "hp-outer",
  );
}

type Body = { readonly structural: Header; readonly body: readonly Uint8Array[] };

function withoutLegacyDisplay(payload: Uint8Array, header: Header, bodyOffset: number): Body {
  const plain: Body = {
    structural: withoutOurs(header.filter(isStructural)),
    body: [payload.subarray(bodyOffset)],
  };
  const root = scanLeniently(payload);
  const marked = mainBodyParts(root).filter(
    ({ contentType }) => contentType.parameters.get(LEGACY) === "1",
  );
  if (marked.includes(root)) {
    const body = removeElement(payload, root);
    return body === undefined ? plain : { ...plain, body: [body] };
  }
  const edits = marked.flatMap((part) => partEdit(payload, part));
  return { ...plain, body: applyEdits(payload, edits, bodyOffset) };
}

function partEdit(payload: Uint8Array, part: Entity): readonly Edit[] {
  const body = removeElement(payload, part);
  if (body === undefined) return [];
  const header = serializeHeader(withoutOurs(part.header));
  const bytes = Buffer.concat([header, Buffer.from("\r\n"), body]);
  return [{ start: part.start, end: part.end, bytes }];
}

function withoutOurs(header: Header): Header {
  return header.map((field: HeaderField) =>
    field.name.toLowerCase() === "content-type" ? withoutParameters(field, OURS) : field,
  );
}
