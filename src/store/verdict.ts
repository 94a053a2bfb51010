import { parseDate } from "../base/time.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";

/** What the reader is told of a message (standards.md D5). */
export type ResultState =
  | "CONFIDENTIAL"
  | "ENCRYPTED_UNVERIFIED"
  | "LOCKED"
  | "UNDECRYPTABLE"
  | "LOCKED_OLD"
  | "DAMAGED"
  | "VERIFIED"
  | "UNPROTECTED"
  | "QUARANTINED"
  | "CLIENT_ONLY";

/**
 * What was found out about a message, kept with it for good (C20): later events do not rewrite it. `check: "later"`
 * says that the sender could not be asked yet.
 */
export type MessageVerdict = {
  readonly state: ResultState;
  readonly warnings: readonly string[];
  readonly signature: "verified" | "none" | "invalid" | "unknown" | "later";
  readonly signer: string | undefined;
  readonly fingerprint: Fingerprint | undefined;
  readonly scan: "pending" | "clean" | "infected" | "not-possible";
  readonly check: "done" | "later";
  readonly checkedAt: Date;
  readonly evidence: Readonly<Record<string, string>>;
};

/** As text for its column; "" when there is none yet. */
export function verdictText(verdict: MessageVerdict | undefined): string {
  return verdict === undefined ? "" : JSON.stringify(verdict);
}

/** Out of the text that `verdictText` made. */
export function verdictFrom(text: string): MessageVerdict | undefined {
  if (text === "") return undefined;
  const stored = JSON.parse(text) as Omit<MessageVerdict, "checkedAt"> & { checkedAt: string };
  const checkedAt = parseDate(stored.checkedAt);
  if (checkedAt === undefined) throw new Error("a stored verdict has no date");
  return { ...stored, signer: stored.signer, fingerprint: stored.fingerprint, checkedAt };
}
