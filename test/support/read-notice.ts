/** Reads a notice as a mail program does. */
import assert from "node:assert/strict";
import { isAscii } from "node:buffer";

import { bodyText, leavesOf } from "../../src/mail/entity.ts";
import { decodedText, firstField } from "../../src/mail/header.ts";
import { scanMime } from "../../src/mail/mime.ts";

/** RFC 5322 §2.1.1; RFC 2047 §2 where a line has an encoded word. */
const MAX_LINE = { plain: 78, encoded: 76 } as const;

/**
 * What the reader sees, and what programs read: `status`, of a bounce and of a delay notice. Whatever a notice says, any next hop
 * takes it: it is ASCII on lines that are short enough.
 */
export function readNotice(message: Uint8Array) {
  assert(isAscii(message));
  const lines = Buffer.from(message).toString().split("\r\n");
  for (const line of lines) {
    assert.doesNotMatch(line, /[\r\n]/);
    const max = line.includes("=?utf-8?") ? MAX_LINE.encoded : MAX_LINE.plain;
    assert(line.length <= max, line);
  }
  const root = scanMime(message);
  const field = (name: string): string => {
    const found = firstField(root.header, name);
    return found === undefined ? "" : decodedText(found);
  };
  const [text, status, ...more] = leavesOf(root).map((leaf) => bodyText(message, leaf));
  assert(text !== undefined && more.length === 0);
  assert(text.split("\r\n").every((line) => line.length <= MAX_LINE.plain));
  return { field, text: text.replaceAll("\r\n", "\n"), status: status?.replaceAll("\r\n", "\n") };
}
