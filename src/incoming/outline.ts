/** What a list shows of a message's body: how its text begins, and what is attached. */
import { dispositionOf } from "../mail/content-type.ts";
import { bodyText, leavesOf, rawBody, type Entity } from "../mail/entity.ts";
import { printable } from "../mail/header.ts";
import { scanLeniently } from "../mail/mime.ts";
import type { Summary } from "../mailbox/summary.ts";

export type Outline = Pick<Summary, "snippet" | "attachments">;

/** Of a message whose text is not known. */
export const NO_OUTLINE: Outline = { snippet: "", attachments: [] };

/** Maximum length of a snippet, in UTF-16 units. */
const MAX_SNIPPET = 200;
/** How much of the text is read for it, in octets. */
const READ_OCTETS = 8192;
/** Maximum number of attachments that are listed, and the longest name of one. */
const MAX_ATTACHMENTS = 100;
const MAX_NAME = 200;

/** The outline of a message as its reader is shown it. */
export function outlineOf(view: Uint8Array): Outline {
  const parts = leavesOf(scanLeniently(view));
  const isText = ({ contentType, header }: Entity): boolean =>
    contentType.type === "text" && dispositionOf(header).filename === undefined;
  const text =
    parts.find((part) => isText(part) && part.contentType.subtype === "plain") ??
    parts.find(isText);
  return {
    snippet: text === undefined ? "" : snippetOf(view, text),
    attachments: parts
      .filter((part) => !isText(part))
      .slice(0, MAX_ATTACHMENTS)
      .map((part) => ({ name: nameOf(part), sizeBytes: decodedSize(view, part) })),
  };
}

function snippetOf(view: Uint8Array, part: Entity): string {
  const end = Math.min(part.end, part.bodyStart + READ_OCTETS);
  const text = bodyText(view, { ...part, end });
  const plain = part.contentType.subtype === "html" ? withoutTags(text) : text;
  return printable(plain).replace(/\s+/gu, " ").trim().slice(0, MAX_SNIPPET);
}

/** For one line of a list: nothing of it is ever interpreted. */
function withoutTags(html: string): string {
  return html
    .replace(/<(style|script|head)\b[^]*?(?:<\/\1\s*>|$)/giu, " ")
    .replace(/<[^>]*>?/gu, " ");
}

function nameOf({ header, contentType }: Entity): string {
  const name = dispositionOf(header).filename ?? contentType.parameters.get("name");
  return printable(name ?? `${contentType.type}/${contentType.subtype}`).slice(0, MAX_NAME);
}

const BASE64_LINE = { octets: 78, decoded: 57 } as const;

/** Of base64 it is an estimate: the part is not decoded for a list. */
function decodedSize(view: Uint8Array, part: Entity): number {
  const { length } = rawBody(view, part);
  if (part.encoding !== "base64") return length;
  return Math.floor((length / BASE64_LINE.octets) * BASE64_LINE.decoded);
}
