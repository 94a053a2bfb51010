/** The parts of a message as a reader is shown them: type, name, size, and the text of text parts. */
import { createHash } from "node:crypto";

import { dispositionOf } from "../mail/content-type.ts";
import { bodyText, decodeBody, leavesOf, type Entity } from "../mail/entity.ts";
import { scanLeniently } from "../mail/mime.ts";

export type ShownPart = {
  readonly contentType: string;
  readonly filename: string | undefined;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Decoded text, for text parts only. */
  readonly text?: string;
};

/** The leaves of a message, in their order. */
export function partsOf(view: Uint8Array): readonly ShownPart[] {
  return leavesOf(scanLeniently(view)).map((part) => shownPart(view, part));
}

function shownPart(message: Uint8Array, part: Entity): ShownPart {
  const body = decodeBody(message, part);
  return {
    contentType: `${part.contentType.type}/${part.contentType.subtype}`,
    filename: dispositionOf(part.header).filename ?? part.contentType.parameters.get("name"),
    sizeBytes: body.length,
    sha256: createHash("sha256").update(body).digest("hex"),
    ...(part.contentType.type === "text" ? { text: bodyText(message, part) } : {}),
  };
}
