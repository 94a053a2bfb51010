/** The text of a message as its reader sees it, for the index. */
import { bodyText, type Entity } from "../../mail/entity.ts";
import { firstField, fieldBody } from "../../mail/header.ts";
import { scanLeniently } from "../../mail/mime.ts";
import { textOfHtml } from "./html-text.ts";
import { MAX_TEXT } from "./terms.ts";

/** How much of a text part is read, in octets: a page has more tags than text. */
const MAX_READ = 4 * MAX_TEXT;

/**
 * The texts of a message in clear (RFC 2045), one after the other: without attachments, and of alternatives the plain one
 * (RFC 2046 §5.1.4). What cannot be read is left out.
 */
export function messageText(message: Uint8Array): string {
  return textsOf(message, scanLeniently(message)).join("\n").slice(0, MAX_TEXT);
}

function textsOf(message: Uint8Array, entity: Entity): readonly string[] {
  const { type, subtype } = entity.contentType;
  if (type === "multipart" && subtype === "alternative") {
    const plain = entity.parts.filter((part) => isText(part, "plain"));
    const parts = plain.length === 0 ? entity.parts : plain;
    return parts.flatMap((part) => textsOf(message, part));
  }
  if (entity.parts.length > 0) return entity.parts.flatMap((part) => textsOf(message, part));
  if (type !== "text" || isAttachment(entity)) return [];
  const end = Math.min(entity.end, entity.bodyStart + MAX_READ);
  const text = bodyText(message, { ...entity, end });
  return [subtype === "html" ? textOfHtml(text) : text];
}

function isText({ contentType }: Entity, subtype: string): boolean {
  return contentType.type === "text" && contentType.subtype === subtype;
}

/** RFC 2183 §2.2. */
function isAttachment({ header }: Entity): boolean {
  const field = firstField(header, "Content-Disposition");
  return field !== undefined && /^\s*attachment\b/i.test(fieldBody(field));
}
