import { asBuffer } from "../base/bytes.ts";
import { parseDate } from "../base/time.ts";
import { decodedText, fieldBody, fieldsNamed, firstField, type Header } from "./header.ts";
import { type Mailbox, parseMailboxList } from "./mailbox-list.ts";

/** What a message says about itself. */
export type MessageFacts = {
  /** Undefined unless there is exactly one From field and it is well-formed and no group (G4). */
  readonly from: readonly Mailbox[] | undefined;
  /** Empty also when the field is malformed: then nobody is known to be addressed. */
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly subject: string;
  readonly messageId: string | undefined;
  readonly date: Date | undefined;
  readonly isReply: boolean;
};

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
    subject: subject === undefined ? "" : decodedText(subject),
    messageId: messageId === undefined ? undefined : /<[^<>\s]+>/.exec(fieldBody(messageId))?.[0],
    date: date === undefined ? undefined : parseDate(fieldBody(date).replace(/\([^()]*\)/g, "")),
    isReply: ["in-reply-to", "references"].some((name) => {
      const field = firstField(header, name);
      return field !== undefined && fieldBody(field) !== "";
    }),
  };
}

function readFrom(header: Header): readonly Mailbox[] | undefined {
  const [field, second] = fieldsNamed(header, "from");
  if (field === undefined || second !== undefined) return undefined;
  const mailboxes = parseMailboxList(fieldBody(field), { allowGroups: false });
  return mailboxes === undefined || mailboxes.length === 0 ? undefined : mailboxes;
}

function readMailboxes(header: Header, name: string): readonly Mailbox[] {
  return fieldsNamed(header, name).flatMap((field) => parseMailboxList(fieldBody(field)) ?? []);
}

/** What is wrong with the line ends, first of all NUL (RFC 5322 §2.3, RFC 5321 §4.1.1.4): each is a way to smuggle. */
export function checkLineEnds(bytes: Uint8Array): "ok" | "bare-cr" | "bare-lf" | "nul" {
  if (bytes.includes(0)) return "nul";
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return "bare-lf";
  }
  for (let at = bytes.indexOf(CR); at !== -1; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] !== LF) return "bare-cr";
  }
  return "ok";
}

/** The bytes with each line end, bare CR and bare LF included, as CRLF. */
export function toCrlf(bytes: Uint8Array): Uint8Array {
  const check = checkLineEnds(bytes);
  if (check === "ok") return bytes;
  const text = asBuffer(bytes).toString("latin1");
  return Buffer.from(text.replace(/\r\n?|\n/g, "\r\n"), "latin1");
}
