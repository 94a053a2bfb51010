/** What lists, threads and searches know of a message: kept beside it, closed to all but its reader. */

import { utf8 } from "../base/bytes.ts";
import { parseDate } from "../base/time.ts";
import { verdictFrom, verdictText, type MessageVerdict } from "../store/mail/verdict.ts";

export type Summary = {
  /** Names and addresses as people read them. */
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  /** Whom the message claims inside to be from, where `from` is another and nothing is confirmed; else empty. */
  readonly claimed: string;
  /** When the author says that they wrote it. */
  readonly date: Date | undefined;
  /** The first words of the text. */
  readonly snippet: string;
  readonly attachments: readonly Attachment[];
  /** Without brackets, or empty; `references` are those that may thread it (ruling in docs/use/states.md). */
  readonly messageId: string;
  readonly references: readonly string[];
  readonly verdict: MessageVerdict;
  /** The reader's own words for it. */
  readonly keywords: readonly string[];
};

export type Attachment = { readonly name: string; readonly sizeBytes: number };

/** As octets, to be wrapped. */
export function summaryOctets(summary: Summary): Uint8Array {
  const { verdict, date, ...same } = summary;
  return utf8(
    JSON.stringify({ ...same, date: date?.toISOString(), verdict: verdictText(verdict) }),
  );
}

/** Out of the octets that `summaryOctets` made; undefined when they are others. */
export function summaryFrom(octets: Uint8Array): Summary | undefined {
  try {
    const { verdict, date, ...same } = JSON.parse(Buffer.from(octets).toString()) as Stored;
    return {
      ...same,
      date: date === undefined ? undefined : parseDate(date),
      verdict: verdictFrom(verdict),
    };
  } catch {
    return undefined;
  }
}

type Stored = Omit<Summary, "date" | "verdict"> & {
  readonly date?: string;
  readonly verdict: string;
};
