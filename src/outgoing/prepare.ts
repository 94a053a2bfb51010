/** What is checked and completed in a submitted message before anything is decided about it. */
import { randomUUID } from "node:crypto";

import { asBuffer } from "../base/bytes.ts";
import type { Given } from "../base/given.ts";
import { joined } from "../base/large-octets.ts";
import { after, DAY, type Clock } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { stripResultHeaders } from "../mail/auth-results.ts";
import { mailDate } from "../mail/date.ts";
import {
  fieldBody,
  fieldsNamed,
  isHeaderAcceptable,
  makeField,
  parseHeader,
  serializeHeader,
  structuredBody,
  withoutFields,
  type Header,
} from "../mail/header.ts";
import { readMessageFacts, type MessageFacts } from "../mail/mail.ts";
import { type ClientProtection, clientProtection } from "./already-protected.ts";
import { withOneReading } from "./one-reading.ts";
import { isOwn } from "./own-address.ts";
import type { Fault } from "./submission.ts";

export type PrepareDeps = {
  readonly clock: Clock;
  readonly hostname: string;
  /** Reads the whole message where that keeps nobody waiting; default: here. */
  readonly clientProtection?: (message: Uint8Array) => Promise<ClientProtection> | ClientProtection;
};

export type Prepared = {
  /** The whole message with CRLF line ends: no Bcc, no header of ours, with Date and Message-ID. */
  readonly message: Uint8Array;
  readonly facts: MessageFacts;
  readonly messageId: string;
  /** The messages that this one answers or continues (RFC 5322 §3.6.4), at most fifty. */
  readonly repliesTo: readonly string[];
  /** It answers a message that it does not name in a way that can be read. */
  readonly isReplyToUnknown: boolean;
  /** A program wrote it by itself (RFC 3834 §5). */
  readonly isAutomatic: boolean;
  /** The sender asked for policy `require` for this message (`X-Sealpost-Require`, with any value but `no`). */
  readonly isRequired: boolean;
  /** What the client has encrypted itself. */
  readonly byClient: ClientProtection;
};

export type Preparation =
  | { readonly kind: "ready"; readonly prepared: Prepared }
  | { readonly kind: "refused"; readonly fault: Fault };

/** Never sent: who got a blind copy, where it was delivered before, and what only Sealpost may say. */
const REMOVED = new Set(["bcc", "resent-bcc", "return-path", "x-sealpost-require"]);

/** A Date further off than this is replaced: receivers refuse a signature far from its message's date. */
const DATE_TOLERANCE_MS = DAY;

/**
 * Checks that the author is one of the login's own addresses or subaddresses (RFC 6409 §6.1). Adds what RFC 5322 §3.6
 * demands and a client may leave out. The body is not touched.
 */
export async function prepare(
  deps: PrepareDeps,
  own: readonly EmailAddress[],
  given: Given<Uint8Array>,
): Promise<Preparation> {
  const completed = await complete(deps, own, given);
  if (completed.kind === "refused") return completed;
  const { message, header, messageId, isRequired } = completed;
  return {
    kind: "ready",
    prepared: {
      message,
      messageId,
      isRequired,
      isAutomatic: isAutomatic(header),
      facts: readMessageFacts(header),
      ...answered(header),
      byClient: await (deps.clientProtection ?? clientProtection)(message),
    },
  };
}

type Completed = Pick<Prepared, "message" | "messageId" | "isRequired"> & {
  readonly kind: "completed";
  readonly header: Header;
};

/** What was given is held no longer than this. */
async function complete(
  deps: PrepareDeps,
  own: readonly EmailAddress[],
  given: Given<Uint8Array>,
): Promise<Completed | Extract<Preparation, { kind: "refused" }>> {
  const message = given.take();
  if (!isHeaderAcceptable(parseHeader(message))) return { kind: "refused", fault: "large-header" };
  const parsed = splitSubmitted(message);
  if (parsed === undefined) return { kind: "refused", fault: "broken-header" };
  const { header: submitted, body } = parsed;
  const fault = faultOfAuthor(submitted, own);
  if (fault !== undefined) return { kind: "refused", fault };

  const isRequired = fieldsNamed(submitted, "X-Sealpost-Require").some(
    (field) => fieldBody(field).toLowerCase() !== "no",
  );
  const sendable = withoutFields(stripResultHeaders(submitted, [deps.hostname]), REMOVED);
  const cleaned = withOneReading(sendable);
  const { header, messageId } = withRequiredFields(deps, cleaned, readMessageFacts(cleaned));
  return {
    kind: "completed",
    message: await joined([serializeHeader(header), Buffer.from("\r\n"), body]),
    header,
    messageId,
    isRequired,
  };
}

/**
 * Header and body of what a client sent; undefined when a line of the header is neither a field nor a continuation. What
 * stands after such a line would be the header for one reader and the body for another. A leading `From ` line is a
 * mailbox file's, not mail.
 */
export function splitSubmitted(
  message: Uint8Array,
): { readonly header: Header; readonly body: Uint8Array } | undefined {
  const { header, bodyOffset } = parseHeader(message);
  const fields = header.filter(
    ({ name, raw }, index) => index > 0 || name !== "" || !isMailboxLine(raw),
  );
  const isBroken = fields.some(({ name, raw }) => name === "" || hasControls(raw));
  return isBroken ? undefined : { header: fields, body: message.subarray(bodyOffset) };
}

/** NUL, and CR that ends no line (RFC 5322 §2.2): some programs see the end of a field there. */
function hasControls(raw: Uint8Array): boolean {
  return /\0|\r(?!\n)/.test(asBuffer(raw).toString("latin1"));
}

function isMailboxLine(raw: Uint8Array): boolean {
  return /^>?From /.test(asBuffer(raw).toString("latin1", 0, 6));
}

function faultOfAuthor(header: Header, own: readonly EmailAddress[]): Fault | undefined {
  const { from } = readMessageFacts(header);
  const [author] = from ?? [];
  if (author === undefined || from?.length !== 1 || fieldsNamed(header, "From").length !== 1) {
    return "no-single-author";
  }
  return isOwn(own, author.address) ? undefined : "foreign-author";
}

function withRequiredFields(
  deps: { readonly clock: Clock; readonly hostname: string },
  header: Header,
  facts: MessageFacts,
): { readonly header: Header; readonly messageId: string } {
  const now = deps.clock.now();
  const { date } = facts;
  const isDateKept =
    date !== undefined &&
    date >= after(now, -DATE_TOLERANCE_MS) &&
    date <= after(now, DATE_TOLERANCE_MS);
  const dated = isDateKept
    ? header
    : [...withoutFields(header, new Set(["date"])), makeField("Date", mailDate(now))];
  if (facts.messageId !== undefined) return { header: dated, messageId: facts.messageId };
  const messageId = `<${randomUUID()}@${deps.hostname}>`;
  return {
    header: [...withoutFields(dated, new Set(["message-id"])), makeField("Message-ID", messageId)],
    messageId,
  };
}

/** A value that says nothing but `no`, with or without parameters. */
const NOT_AUTOMATIC = /^no\s*(?:;|$)/i;

function isAutomatic(header: Header): boolean {
  return fieldsNamed(header, "Auto-Submitted").some(
    (field) => !NOT_AUTOMATIC.test(structuredBody(field) ?? ""),
  );
}

const MAX_REFERENCES = 50;

function answered(header: Header): Pick<Prepared, "repliesTo" | "isReplyToUnknown"> {
  const fields = ["References", "In-Reply-To"].flatMap((name) => fieldsNamed(header, name));
  const read = fields.map((field) => messageIdsIn(structuredBody(field) ?? ""));
  // What is answered stands last, so that a long thread never pushes it out.
  const ids = read.flatMap((each) => each ?? []).reverse();
  return {
    repliesTo: [...new Set(ids)].slice(0, MAX_REFERENCES),
    isReplyToUnknown: read.includes(undefined),
  };
}

/** Undefined when there is none, or what is left looks like a part of one. Words beside them are old style. */
function messageIdsIn(text: string): readonly string[] | undefined {
  const ids = text.match(/<[^<>\s]+>/g) ?? [];
  const left = text.replaceAll(/<[^<>\s]+>/g, " ");
  return ids.length === 0 || /[<>@]/.test(left) ? undefined : ids;
}
