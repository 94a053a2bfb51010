/** A part of a message, as ranges of the message's own bytes (RFC 2045), and what is in it. */
import { decodeCharset } from "./charset.ts";
import type { ContentType } from "./content-type.ts";
import type { Header } from "./header.ts";
import { decodeTransfer } from "./transfer-encoding.ts";

/**
 * Why two readers might see two different things; `unclosed`: the last delimiter is missing, as when cut off in transit;
 * `header`: more header than is read.
 */
export type MimeDefect =
  | "content-type"
  | "duplicate-field"
  | "garbage-line"
  | "boundary"
  | "header"
  | "unclosed";

/** One part: header from `start`, body from `bodyStart`, all up to `end`, which excludes the line end before a boundary. */
export type Entity = {
  readonly header: Header;
  readonly contentType: ContentType;
  /** Content-Transfer-Encoding in lower case, "7bit" when absent. */
  readonly encoding: string;
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
  /** The parts of a multipart, or the one message of a message/rfc822. */
  readonly parts: readonly Entity[];
  readonly defects: readonly MimeDefect[];
  readonly isMalformed: boolean;
};

/** The parts that have no parts, in their order. */
export function leavesOf(entity: Entity): readonly Entity[] {
  return entity.parts.length === 0 ? [entity] : entity.parts.flatMap(leavesOf);
}

/** The entity as it stands in the message, header included. */
export function rawEntity(message: Uint8Array, entity: Entity): Uint8Array {
  return message.subarray(entity.start, entity.end);
}

/** The entity's body as it stands in the message. */
export function rawBody(message: Uint8Array, entity: Entity): Uint8Array {
  return message.subarray(entity.bodyStart, entity.end);
}

/** The entity's body with its transfer encoding undone. */
export function decodeBody(message: Uint8Array, entity: Entity): Uint8Array {
  return decodeTransfer(rawBody(message, entity), entity.encoding);
}

/** The entity's body as text, in its own character set. */
export function bodyText(message: Uint8Array, entity: Entity): string {
  const charset = entity.contentType.parameters.get("charset") ?? "us-ascii";
  return decodeCharset(decodeBody(message, entity), charset);
}
