/** What a list shows of a message: kept beside it, encrypted to the mailbox key, so that a list opens no whole message. */
import { utf8 } from "../base/bytes.ts";
import { displayMailboxes } from "../mail/display-mailbox.ts";
import { decodedText, firstField, type Header } from "../mail/header.ts";

export type Summary = { readonly from: string; readonly subject: string };

/** From the header that the reader is shown. */
export function summaryOf(header: Header): Uint8Array {
  const from = firstField(header, "From");
  const summary = {
    from: from === undefined ? "" : displayMailboxes(from),
    subject: text(header, "Subject"),
  };
  return utf8(JSON.stringify(summary));
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
    return { from: memberText(value, "from"), subject: memberText(value, "subject") };
  } catch {
    return EMPTY;
  }
}

const EMPTY: Summary = { from: "", subject: "" };

function memberText(value: object, name: string): string {
  const member: unknown = Reflect.get(value, name);
  return typeof member === "string" ? member : "";
}
