/** What lists, threads and searches know of a message: kept beside it, closed to all but its reader. */

import { utf8 } from "../base/bytes.ts";
import { parseDate } from "../base/time.ts";
import type { CanonicalAddress } from "../mail/address.ts";
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
  /** Of what the reader sent: what each recipient got. Nobody but the reader sees it, because it names blind ones. */
  readonly sent?: readonly SentTo[];
  /** The address of the mailing list that it came by. */
  readonly list?: CanonicalAddress;
  /** Of a draft: SHA-256 of its text, in hexadecimal digits. */
  readonly hash?: string;
};

/** How a message left for a recipient. */
export type SentForm = "sealed" | "clear" | "already-protected";

/** In what form a whole message left; `split`: sealed for some, in clear for others; `deferred`: nothing has left yet. */
export type SentHow = SentForm | "split" | "deferred" | "not-sent";

/** What a recipient got of a message that the reader sent, as far as Sealpost knows. */
export type SentTo = {
  readonly address: string;
  /**
   * `waiting`: nothing yet, because it is not certain whether the recipients can be encrypted for. `refused`: the next hop did
   * not take it, or Sealpost did not send it; a bounce says why.
   */
  readonly got: SentForm | "waiting" | "refused";
  /** The certificate that it was encrypted to; "" where Sealpost encrypted nothing. */
  readonly fingerprint: string;
  readonly isBlind: boolean;
  /** The state of the recipient by which it was decided (docs/use/states.md); "" where nobody was asked. */
  readonly code: string;
};

/** What became of a sent message after it was accepted. */
export type SentNews = {
  readonly at: Date;
  /** Of the message, as its summary has it: news of another message say nothing of this one. */
  readonly messageId: string;
  readonly how: SentHow;
  readonly sent: readonly SentTo[];
};

/** `stored`: of a draft, whose attachments are stored apart from its text. */
export type Attachment = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly stored?: StoredAttachment;
};

/**
 * An attachment that is stored apart. `blob` names its octets, and is another one after a conversion; `id` stays. `hash` is
 * SHA-256 of the attachment, in hexadecimal digits.
 */
export type StoredAttachment = {
  readonly id: string;
  readonly blob: string;
  readonly contentType: string;
  readonly hash: string;
};

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

type StoredNews = Omit<SentNews, "at"> & { readonly at: string };

/** As octets, to be wrapped. */
export function newsOctets(news: SentNews): Uint8Array {
  return utf8(JSON.stringify(news));
}

/** A summary with the news that `newsOctets` made, if they are of this message. */
export function withNews(summary: Summary, octets: Uint8Array): Summary {
  try {
    const news = JSON.parse(Buffer.from(octets).toString()) as StoredNews;
    const { at, messageId, how, sent } = news;
    const checkedAt = parseDate(at);
    if (messageId !== summary.messageId || checkedAt === undefined) return summary;
    const { verdict } = summary;
    const evidence = { ...verdict.evidence, how };
    return { ...summary, sent, verdict: { ...verdict, checkedAt, evidence } };
  } catch {
    return summary;
  }
}
