import { withoutParameters } from "../mail/edit-parameters.ts";
import type { Entity } from "../mail/entity.ts";
import {
  firstField,
  type Header,
  type HeaderField,
  makeField,
  serializeHeader,
} from "../mail/header.ts";
import { scanLeniently } from "../mail/mime.ts";
import { applyEdits, type Edit } from "./edit.ts";
import { removeElement } from "./legacy-display.ts";
import { mainBodyParts } from "./main-body.ts";
import { type Payload, readPayload } from "./payload-header.ts";
import { signedReading, unverifiedHeader } from "./shown-header.ts";

const LEGACY = "hp-legacy-display";
const OURS = new Set(["hp", LEGACY]);

/**
 * The message that a reader sees, as a plain one: the header that `shown-header.ts` makes, and the payload's body without
 * what was put in for older programs. `isSigned` says that the payload's signature counts; otherwise `from: "outer"` shows
 * the outer author, for a message whose inner author is not confirmed.
 */
export function readerView(
  outer: Header,
  payload: Uint8Array,
  options: { readonly isSigned?: boolean; readonly from?: "protected" | "outer" } = {},
): Uint8Array {
  const read = readPayload(payload);
  const { protectedHeader } = read;
  const shown =
    options.isSigned === true
      ? signedReading(outer, protectedHeader).header
      : unverifiedHeader(outer, protectedHeader, options);
  const { structural, body } = bodyOf(read);
  const version = firstField(structural, "mime-version") ?? makeField("MIME-Version", "1.0");
  const isTyped = structural.length > 0;
  const fields = isTyped ? [...shown, version, ...withoutVersion(structural)] : shown;
  return Buffer.concat([serializeHeader(fields), Buffer.from("\r\n"), ...body]);
}

function withoutVersion(header: Header): Header {
  return header.filter(({ name }) => name.toLowerCase() !== "mime-version");
}

type Body = { readonly structural: Header; readonly body: readonly Uint8Array[] };

/** Legacy display elements are RFC 9788's: other payloads keep their body as it is. */
function bodyOf({ protectedHeader, structural, entity, bodyOffset }: Payload): Body {
  const body = [entity.subarray(bodyOffset)];
  return protectedHeader.kind === "cipher" || protectedHeader.kind === "clear"
    ? withoutLegacyDisplay(entity, withoutOurs(structural), bodyOffset)
    : { structural, body };
}

function withoutLegacyDisplay(payload: Uint8Array, structural: Header, bodyOffset: number): Body {
  const plain: Body = { structural, body: [payload.subarray(bodyOffset)] };
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
  const bytes = [header, Buffer.from("\r\n"), body];
  return [{ start: part.start, end: part.end, bytes }];
}

function withoutOurs(header: Header): Header {
  return header.map((field: HeaderField) =>
    field.name.toLowerCase() === "content-type" ? withoutParameters(field, OURS) : field,
  );
}
