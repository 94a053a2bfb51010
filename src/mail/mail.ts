/**
 * Mail: the format of internet messages, read without believing it.
 *
 * A message is a header, an empty line and a body (RFC 5322). A header is a list of fields; a structured field has a grammar
 * of its own (addresses, dates, parameters). MIME (RFC 2045 to 2049) makes the body a tree of entities, each with a header.
 *
 * Everything here is read from strangers. Readers are linear in time and bounded in depth and count. They keep the byte range of
 * what they read, because a signature covers octets and not meanings. What two mail programs could read in two ways is no fact:
 * two From fields are no author (`readMessageFacts`). `header.ts` has the fields, `address.ts` the addresses, `mime.ts` the tree.
 */
import { setImmediate } from "node:timers/promises";

import { parseDate } from "../base/time.ts";
import {
  decodedText,
  fieldsNamed,
  firstField,
  type Header,
  type HeaderField,
  structuredBody,
} from "./header.ts";
import { type Mailbox, parseMailboxList } from "./mailbox-list.ts";

/** What a message says about itself. */
export type MessageFacts = {
  /** Undefined unless there is exactly one From field and it is well-formed and no group (THREAT_MODEL.md G4). */
  readonly from: readonly Mailbox[] | undefined;
  /** Empty also when the field is malformed: then nobody is known to be addressed. */
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  /** Of a blind copy: its one reader. */
  readonly bcc: readonly Mailbox[];
  readonly subject: string;
  readonly messageId: string | undefined;
  readonly date: Date | undefined;
  readonly isReply: boolean;
};

const MAX_LISTS = 2;
const CR = 13;
const LF = 10;

/** The facts of RFC 5322 §3.6's fields; of a field that may stand once, the first one is read. */
export function readMessageFacts(header: Header): MessageFacts {
  const subject = firstField(header, "subject");
  const messageId = firstField(header, "message-id");
  const date = firstField(header, "date");
  return {
    from: readFrom(header),
    to: readMailboxes(header, "to"),
    cc: readMailboxes(header, "cc"),
    bcc: readMailboxes(header, "bcc"),
    subject: subject === undefined ? "" : decodedText(subject),
    messageId: /<[^<>\s]+>/.exec(bodyOf(messageId))?.[0],
    date: parseDate(bodyOf(date).replace(/\([^()]*\)/g, "")),
    isReply: ["in-reply-to", "references"].some((name) => {
      const field = firstField(header, name);
      // One that is too long to be read is one.
      return field !== undefined && structuredBody(field) !== "";
    }),
  };
}

/** Empty where there is none, or it is too long to be read. */
function bodyOf(field: HeaderField | undefined): string {
  return (field && structuredBody(field)) ?? "";
}

function readFrom(header: Header): readonly Mailbox[] | undefined {
  const [field, second] = fieldsNamed(header, "from");
  if (field === undefined || second !== undefined) return undefined;
  const mailboxes = parseMailboxList(bodyOf(field), { allowGroups: false });
  return mailboxes === undefined || mailboxes.length === 0 ? undefined : mailboxes;
}

function readMailboxes(header: Header, name: string): readonly Mailbox[] {
  const fields = fieldsNamed(header, name);
  // RFC 5322 §3.6 has one; some programs write two.
  if (fields.length > MAX_LISTS) return [];
  return fields.flatMap((field) => parseMailboxList(bodyOf(field)) ?? []);
}

/** What is wrong with the line ends, first of all NUL (RFC 5322 §2.3, RFC 5321 §4.1.1.4): each is a way to smuggle. */
export function checkLineEnds(bytes: Uint8Array): LineEnds {
  const found = endsBetween(bytes, 0, bytes.length);
  return found === "ok" || found === "nul" || !bytes.includes(0) ? found : "nul";
}

export type LineEnds = "ok" | "bare-cr" | "bare-lf" | "nul";

/** How many octets are looked at before others have their turn: a few milliseconds. */
const SLICE_OCTETS = 512 * 1024;

/** As `checkLineEnds`, for whole messages in a process that answers others meanwhile. */
export async function checkLineEndsInSlices(bytes: Uint8Array): Promise<LineEnds> {
  for (let from = 0; from < bytes.length; from += SLICE_OCTETS) {
    const to = Math.min(from + SLICE_OCTETS, bytes.length);
    const found = endsBetween(bytes, from, to);
    if (found !== "ok") return bytes.subarray(from, to).includes(0) ? "nul" : found;
    await setImmediate();
  }
  return "ok";
}

/** The first fault. Octets are looked at sixteen at a time: most are beyond CR. */
function endsBetween(bytes: Uint8Array, from: number, to: number): LineEnds {
  const start = from + (-(bytes.byteOffset + from) & (WORD - 1));
  const words = Math.max(0, ((to - start) >> 4) * GROUP);
  if (words === 0) return endsAmong(bytes, from, to);
  const fault = endsAmong(bytes, from, start);
  if (fault !== "ok") return fault;
  const group = new Int32Array(bytes.buffer, bytes.byteOffset + start, words);
  for (let index = 0; index < words; index += GROUP) {
    const low =
      lowIn(group[index] ?? 0) |
      lowIn(group[index + 1] ?? 0) |
      lowIn(group[index + 2] ?? 0) |
      lowIn(group[index + 3] ?? 0);
    if ((low & HIGHEST_BITS) === 0) continue;
    const at = start + index * WORD;
    const found = endsAmong(bytes, at, at + GROUP * WORD);
    if (found !== "ok") return found;
  }
  return endsAmong(bytes, start + words * WORD, to);
}

const WORD = 4;
const GROUP = 4;
const BEYOND_CR = 0x0e0e0e0e;
const HIGHEST_BITS = 0x80808080 | 0;

/** The highest bit of an octet is set where one up to CR borrows it. One that borrows makes the next one borrow at most. */
const lowIn = (word: number): number => ((word - BEYOND_CR) | 0) & ~word;

function endsAmong(bytes: Uint8Array, from: number, to: number): LineEnds {
  for (let at = from; at < to; at++) {
    const octet = bytes[at] ?? 0;
    if (octet > CR) continue;
    if (octet === 0) return "nul";
    if (isBareLf(bytes, at)) return "bare-lf";
    if (isBareCr(bytes, at)) return "bare-cr";
  }
  return "ok";
}

/** The bytes with each line end, bare CR and bare LF included, as CRLF. */
export function toCrlf(bytes: Uint8Array): Uint8Array {
  let added = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (isBareLf(bytes, at) || isBareCr(bytes, at)) added++;
  }
  if (added === 0) return bytes;
  const out = new Uint8Array(bytes.length + added);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (isBareLf(bytes, at)) out[length++] = CR;
    out[length++] = bytes[at] ?? 0;
    if (isBareCr(bytes, at)) out[length++] = LF;
  }
  return out;
}

function isBareLf(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === LF && bytes[at - 1] !== CR;
}

function isBareCr(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === CR && bytes[at + 1] !== LF;
}
