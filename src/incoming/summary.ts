/** The summary of a message, made of the header and the body that its reader is shown. */
import { displayMailboxes } from "../mail/display-mailbox.ts";
import { decodedText, firstField, structuredBody, type Header } from "../mail/header.ts";
import { listIn } from "../mail/list-post.ts";
import { readMessageFacts } from "../mail/mail.ts";
import { plainMessageId } from "../mail/message-id.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import type { Summary } from "../mailbox/summary.ts";
import type { Outline } from "./outline.ts";
import { isGood } from "./verdicts.ts";

/** Maximum number of messages that one says it answers; the nearest stand last. */
const MAX_REFERENCES = 50;

/**
 * `header` is what the reader is shown, `claimed` the one inside where its author is not the one that is shown. Where a
 * signature counts, only signed fields may thread a message.
 */
export function summaryOf(o: {
  readonly header: Header;
  readonly claimed?: Header;
  readonly verdict: MessageVerdict;
  readonly outline: Outline;
}): Summary {
  const { header, claimed = [], verdict, outline } = o;
  const { date, messageId = "" } = readMessageFacts(header);
  const list = listIn(header);
  const mayThread = !isGood(verdict) || verdict.header === "protected";
  return {
    from: mailboxesIn(header, "From"),
    to: mailboxesIn(header, "To"),
    subject: textOf(header, "Subject"),
    claimed: mailboxesIn(claimed, "From"),
    date,
    ...outline,
    messageId: plainMessageId(messageId),
    references: mayThread ? referencesIn(header) : [],
    verdict,
    keywords: [],
    ...(list === undefined ? {} : { list }),
  };
}

function mailboxesIn(header: Header, name: string): string {
  const field = firstField(header, name);
  return field === undefined ? "" : displayMailboxes(field);
}

function textOf(header: Header, name: string): string {
  const field = firstField(header, name);
  return field === undefined ? "" : decodedText(field).trim();
}

function referencesIn(header: Header): readonly string[] {
  const ids = ["References", "In-Reply-To"].flatMap((name) => {
    const field = firstField(header, name);
    const body = field === undefined ? "" : (structuredBody(field) ?? "");
    return [...body.matchAll(/<[^<>\s]+>/g)].map(([id]) => plainMessageId(id));
  });
  return [...new Set(ids)].slice(-MAX_REFERENCES);
}
