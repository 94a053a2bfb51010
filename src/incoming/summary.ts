/** What a list shows of a message: kept beside it, encrypted to the mailbox key, so that a list opens no whole message. */
import { utf8 } from "../base/bytes.ts";
import { displayMailboxes } from "../mail/display-mailbox.ts";
import { decodedText, firstField, type Header } from "../mail/header.ts";

export type Summary = {
  readonly from: string;
  readonly subject: string;
  /** Whom the message claims inside to be from, where `from` is another and nothing is confirmed; else empty. */
  readonly claimed: string;
};

/** From the header that the reader is shown; `claimed` is the one inside, where its author is not the one that is shown. */
export function summaryOf(header: Header, claimed: Header = []): Uint8Array {
  const summary: Summary = {
    from: authorsIn(header),
    subject: text(header, "Subject"),
    claimed: authorsIn(claimed),
  };
  return utf8(JSON.stringify(summary));
}

function authorsIn(header: Header): string {
  const field = firstField(header, "From");
  return field === undefined ? "" : displayMailboxes(field);
}

function text(header: Header, name: string): string {
  const field = firstField(header, name);
  return field === undefined ? "" : decodedText(field).trim();
}

/** Empty texts when the bytes are not a summary: a list never fails because of one row. */
export function parseSummary(bytes: Uint8Array): Summary {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value !== "object" || value === null) return EMPTY;
    return {
      from: memberText(value, "from"),
      subject: memberText(value, "subject"),
      claimed: memberText(value, "claimed"),
    };
  } catch {
    return EMPTY;
  }
}

const EMPTY: Summary = { from: "", subject: "", claimed: "" };

function memberText(value: object, name: string): string {
  const member: unknown = Reflect.get(value, name);
  return typeof member === "string" ? member : "";
}
