import { scanRoot } from "../mail/mime.ts";
import type { Range } from "./range.ts";

const LF = 10;

/**
 * The body of a message whose root is a multipart, without what stands before its first delimiter and behind its last: no
 * mail program is to show that (RFC 2046 §5.1.1), and beside a protected part whoever showed it would give it a credit that
 * it has not. What was signed or encrypted stays byte for byte.
 */
export function bodyWithoutSurroundings(message: Uint8Array): Range {
  const { bodyStart, parts } = scanRoot(message);
  const [first, last] = [parts[0], parts.at(-1)];
  if (first === undefined || last === undefined) return { start: bodyStart, end: message.length };
  // The delimiter's own line ends where the part begins.
  const lineBefore = message.lastIndexOf(LF, first.start - 2);
  const start = Math.max(bodyStart, lineBefore + 1);
  return { start, end: epilogueStart(message, last.end) };
}

/** What follows the closing delimiter, which is the line after the last part of a well-formed multipart. */
export function epilogueStart(message: Uint8Array, lastPartEnd: number): number {
  const lineEnd = message.indexOf(LF, lastPartEnd);
  const delimiterEnd = lineEnd === -1 ? -1 : message.indexOf(LF, lineEnd + 1);
  return delimiterEnd === -1 ? message.length : delimiterEnd + 1;
}
