/**
 * Reads an mbox file of any size, a message at a time. A message ends before the next line that begins with `From ` and names a
 * date; where the length that its header gives leads to such a line, or to the end of the file, it ends there. A message larger than
 * the caller takes is passed over and never in memory.
 */
import type { FileHandle } from "node:fs/promises";

import { fill } from "../../base/fill.ts";
import { dateOfFromLine, MAX_FROM_LINE, unquoted } from "./mbox-lines.ts";

/** What stands in the file, in its order. `end`: how much of the file is behind it, in octets. */
export type MboxPiece =
  | {
      readonly kind: "message";
      readonly message: Uint8Array;
      readonly receivedAt: Date | undefined;
      readonly end: number;
    }
  | { readonly kind: "too-large"; readonly sizeBytes: number; readonly end: number }
  /** Octets before the first From_ line: no message begins with them. */
  | { readonly kind: "no-message"; readonly sizeBytes: number; readonly end: number };

const WINDOW_OCTETS = 1024 * 1024;
/** How much of a header is looked at for a length. */
const HEADER_OCTETS = 64 * 1024;
const SEPARATOR = "\nFrom ";
const LF = 10;
/** How many octets before a From_ line are looked at: an empty line. */
const LOOK_BACK = 3;
/** How much of a window is worth looking at. */
const MIN_WINDOW_OCTETS = 4 * MAX_FROM_LINE;
const LENGTH = /^content-length:[ \t]*(\d{1,12})[ \t]*\r?$/im;
const HEADER_END = /\r?\n\r?\n/;

/** Where a message begins: its From_ line, and the octet after that. */
type Start = { readonly line: number; readonly message: number; readonly date: Date | undefined };

/** The pieces of an open file; `maxBytes` is the largest message that is read. @throws Error of the system. */
export async function* readMbox(handle: FileHandle, maxBytes: number): AsyncGenerator<MboxPiece> {
  const { size } = await handle.stat();
  const file = new Windows(handle, size);
  let start = (await startAt(file, 0)) ?? (await nextStart(file, 0));
  const first = start?.line ?? size;
  if (first > 0) yield { kind: "no-message", sizeBytes: first, end: first };
  while (start !== undefined) {
    const { piece, next } = await pieceAt(file, start, maxBytes);
    yield piece;
    start = next;
  }
}

/** The message that begins here, and the next one. */
async function pieceAt(
  file: Windows,
  start: Start,
  maxBytes: number,
): Promise<{ readonly piece: MboxPiece; readonly next: Start | undefined }> {
  const given = await byLength(file, start.message);
  const next =
    given === undefined ? await nextStart(file, start.message) : await startAt(file, given.next);
  const end = next?.line ?? file.size;
  const sizeBytes = (given?.end ?? end) - start.message;
  if (sizeBytes > maxBytes) return { piece: { kind: "too-large", sizeBytes, end }, next };
  const found = await file.read(start.message, sizeBytes);
  const whole = given === undefined ? withoutLastLine(found) : found;
  const message = unquoted(whole, given !== undefined);
  return { piece: { kind: "message", message, receivedAt: start.date, end }, next };
}

/** Without the empty line that separates a message from the next. */
function withoutLastLine(found: Buffer): Uint8Array {
  const end = found.toString("latin1", Math.max(0, found.length - 4));
  if (end.endsWith("\r\n\r\n")) return found.subarray(0, -2);
  return end.endsWith("\n\n") ? found.subarray(0, -1) : found;
}

/** The message whose From_ line begins at this octet; undefined when there is none. */
async function startAt(file: Windows, at: number): Promise<Start | undefined> {
  const begin = await file.at(at, MAX_FROM_LINE);
  return startIn(begin, 0, at);
}

function startIn(bytes: Buffer, offset: number, position: number): Start | undefined {
  const lf = bytes.indexOf(LF, offset);
  const end = Math.min(lf === -1 ? bytes.length : lf, offset + MAX_FROM_LINE);
  const line = bytes.toString("latin1", offset, end);
  if (!line.startsWith("From ")) return undefined;
  const date = dateOfFromLine(line);
  // Thunderbird writes nothing more.
  const isBare = line.trimEnd() === "From" && isBehindEmptyLine(bytes, offset);
  if (date === undefined && !isBare) return undefined;
  return { line: position + offset, message: position + end + (lf === end ? 1 : 0), date };
}

function isBehindEmptyLine(bytes: Buffer, offset: number): boolean {
  return (
    offset < LOOK_BACK || /\n\r?\n$/.test(bytes.toString("latin1", offset - LOOK_BACK, offset))
  );
}

/** The first message that begins behind this octet. */
async function nextStart(file: Windows, from: number): Promise<Start | undefined> {
  // A message without a line begins where the next one may.
  for (let position = Math.max(0, from - LOOK_BACK); position < file.size;) {
    const bytes = await file.behind(position);
    const isLast = position + bytes.length >= file.size;
    let next = position + Math.max(1, bytes.length - SEPARATOR.length - LOOK_BACK);
    for (let at = bytes.indexOf(SEPARATOR); at !== -1; at = bytes.indexOf(SEPARATOR, at + 1)) {
      if (position + at + 1 < from) continue;
      if (!isLast && at > bytes.length - MAX_FROM_LINE - SEPARATOR.length && at >= LOOK_BACK) {
        // The line may go on behind this window.
        next = position + at - LOOK_BACK + 1;
        break;
      }
      const start = startIn(bytes, at + 1, position);
      if (start !== undefined) return start;
    }
    if (isLast) return undefined;
    position = next;
  }
  return undefined;
}

/** Where a message ends by the length in its header, and where the next begins; undefined when none does there. */
async function byLength(
  file: Windows,
  message: number,
): Promise<{ readonly end: number; readonly next: number } | undefined> {
  const begin = (await file.at(message, HEADER_OCTETS)).toString("latin1");
  const found = HEADER_END.exec(begin);
  const [, digits] = (found && LENGTH.exec(begin.slice(0, found.index))) ?? [];
  if (found === null || digits === undefined) return undefined;
  const end = message + found.index + found[0].length + Number(digits);
  if (end > file.size) return undefined;
  const behind = await file.at(end, MAX_FROM_LINE);
  const blank = /^(?:\r?\n){0,2}/.exec(behind.toString("latin1", 0, 4))?.[0].length ?? 0;
  const next = end + blank;
  const isEnd = next >= file.size || (await startAt(file, next)) !== undefined;
  return isEnd ? { end, next } : undefined;
}

/** A file that is read forward in large windows, and looked into here and there. */
class Windows {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.alloc(WINDOW_OCTETS);
  #start = 0;
  #length = 0;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.size = size;
  }

  /** The octets at a position, fewer at the end of the file; they hold until the next call. */
  async at(position: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.size - position));
    const isHere = position >= this.#start && position + wanted <= this.#start + this.#length;
    if (!isHere) {
      this.#length = await fill(this.#handle, this.#buffer, position);
      this.#start = position;
    }
    const offset = position - this.#start;
    return this.#buffer.subarray(offset, Math.min(offset + wanted, this.#length));
  }

  /** What a window has behind a position, never little but at the end of the file; it holds until the next call. */
  async behind(position: number): Promise<Buffer> {
    const left = this.#start + this.#length - position;
    const isHere = position >= this.#start && left > 0;
    const isEnd = this.#start + this.#length >= this.size;
    if (isHere && (isEnd || left >= MIN_WINDOW_OCTETS)) {
      return this.#buffer.subarray(position - this.#start, this.#length);
    }
    return this.at(position, WINDOW_OCTETS);
  }

  /** A copy of a part of the file. */
  async read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, await fill(this.#handle, bytes, position));
  }
}
