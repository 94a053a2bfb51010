import { AppError } from "../../base/errors.ts";
import { parseDate } from "../../base/time.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";

/** What the reader is told of a message (docs/use/states.md). */
export const RESULT_STATES = [
  "CONFIDENTIAL",
  "CONFIDENTIAL_BODY",
  "ENCRYPTED_UNVERIFIED",
  "LOCKED",
  "UNDECRYPTABLE",
  "LOCKED_OLD",
  "DAMAGED",
  "VERIFIED",
  "VERIFIED_BODY",
  "UNPROTECTED",
  "QUARANTINED",
  "CLIENT_ONLY",
  "SENT",
  "DRAFT",
] as const;
export type ResultState = (typeof RESULT_STATES)[number];

/**
 * What was found out about a message, kept with it for good: later events do not rewrite it. Where `isFinal` is false the
 * message waits, and is judged again.
 */
export type MessageVerdict = {
  readonly state: ResultState;
  readonly warnings: readonly string[];
  /** The displayed fields that stand outside and that the signature does not cover. */
  readonly unsigned: readonly string[];
  /** Whether the author's program protected the header fields. */
  readonly header: "protected" | "partly" | "unprotected";
  /** `later`: the author's keyserver could not be asked yet. */
  readonly signature: "verified" | "none" | "invalid" | "unknown" | "later";
  /** When the message was signed, of a verified signature or one that is too old. */
  readonly signedAt: Date | undefined;
  readonly signer: string | undefined;
  readonly fingerprint: Fingerprint | undefined;
  readonly scan: "pending" | "clean" | "infected" | "not-possible";
  readonly checkedAt: Date;
  /** Since when an opened message has waited for its author's keyserver; undefined where it does not wait for that. */
  readonly laterSince: Date | undefined;
  /** The keys that the author's domain served when the message came; undefined where nobody could say. */
  readonly served: ServedAtArrival | undefined;
  /** What the verdict rests on, for the trace and the reader; never used for decisions. */
  readonly evidence: Readonly<Record<string, string>>;
};

/** The keys of an author, asked for when a message came. */
export type ServedAtArrival = {
  /** The author's address in canonical form. */
  readonly author: string;
  readonly fingerprints: readonly Fingerprint[];
};

/** Whether a message is not judged again: its author was asked about, and no forgotten password locks it. */
export function isFinal({
  state,
  signature,
}: Pick<MessageVerdict, "state" | "signature">): boolean {
  return signature !== "later" && state !== "LOCKED_OLD";
}

/** As text for its column. */
export function verdictText(verdict: MessageVerdict): string {
  return JSON.stringify(verdict);
}

/** Out of the text that `verdictText` made. @throws AppError when it is another: the database was altered. */
export function verdictFrom(text: string): MessageVerdict {
  const stored = JSON.parse(text) as Stored;
  const checkedAt = parseDate(stored.checkedAt);
  // Without the list of what is unsigned everything would pass for signed.
  if (checkedAt === undefined || !Array.isArray(stored.unsigned)) {
    throw new AppError("the database holds a verdict that is not whole", { temporary: false });
  }
  return {
    ...stored,
    signer: stored.signer,
    fingerprint: stored.fingerprint,
    signedAt: stored.signedAt === undefined ? undefined : parseDate(stored.signedAt),
    checkedAt,
    laterSince: stored.laterSince === undefined ? undefined : parseDate(stored.laterSince),
    served: stored.served,
  };
}

type Stored = Omit<MessageVerdict, "checkedAt" | "signedAt" | "laterSince"> & {
  readonly checkedAt: string;
  readonly signedAt?: string;
  readonly laterSince?: string;
};
