import { AppError } from "../../base/errors.ts";
import { parseDate } from "../../base/time.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";

/** What the reader is told of a message (docs/use/states.md). */
export type ResultState =
  | "CONFIDENTIAL"
  | "CONFIDENTIAL_BODY"
  | "ENCRYPTED_UNVERIFIED"
  | "LOCKED"
  | "UNDECRYPTABLE"
  | "LOCKED_OLD"
  | "DAMAGED"
  | "VERIFIED"
  | "VERIFIED_BODY"
  | "UNPROTECTED"
  | "QUARANTINED"
  | "CLIENT_ONLY";

/**
 * What was found out about a message, kept with it for good: later events do not rewrite it. `check: "later"`
 * says that the sender could not be asked yet.
 */
export type MessageVerdict = {
  readonly state: ResultState;
  readonly warnings: readonly string[];
  /** The displayed fields that stand outside and that the signature does not cover. */
  readonly unsigned: readonly string[];
  /** Whether the author's program protected the header fields. */
  readonly header: "protected" | "partly" | "unprotected";
  readonly signature: "verified" | "none" | "invalid" | "unknown" | "later";
  /** When the message was signed, of a verified signature or one that is too old. */
  readonly signedAt: Date | undefined;
  readonly signer: string | undefined;
  readonly fingerprint: Fingerprint | undefined;
  readonly scan: "pending" | "clean" | "infected" | "not-possible";
  readonly check: "done" | "later";
  readonly checkedAt: Date;
  readonly evidence: Readonly<Record<string, string>>;
};

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
  };
}

type Stored = Omit<MessageVerdict, "checkedAt" | "signedAt"> & {
  readonly checkedAt: string;
  readonly signedAt?: string;
};
