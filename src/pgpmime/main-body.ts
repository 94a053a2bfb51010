import { dispositionOf } from "../mail/content-type.ts";
import type { Entity } from "../mail/entity.ts";

/** Containers of which only the first part is what the reader reads. */
const FIRST_ONLY = new Set(["mixed", "related"]);

/**
 * The parts that a reader sees as the message itself (RFC 9788 §1.9, "main body part"): text/plain and text/html, never an
 * attachment, never below a signature or an encryption, which must stay as it is.
 */
export function mainBodyParts(entity: Entity): readonly Entity[] {
  const { type, subtype } = entity.contentType;
  const isOdd = entity.defects.some((defect) => defect !== "unclosed" && defect !== "garbage-line");
  if (isOdd || dispositionOf(entity.header).kind === "attachment") return [];
  if (type === "text") return subtype === "plain" || subtype === "html" ? [entity] : [];
  if (type !== "multipart") return [];
  if (subtype === "alternative") return entity.parts.flatMap(mainBodyParts);
  return FIRST_ONLY.has(subtype) ? entity.parts.slice(0, 1).flatMap(mainBodyParts) : [];
}
