/** A message as it stands in a list: its verdict, and of its summary what the keys open. */
import { decrypt } from "../openpgp/messages/decrypt.ts";
import type { StoredSummary } from "../mailbox/mailbox.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { sentenceOf } from "./sentence.ts";
import { parseSummary, type Summary } from "./summary.ts";
import { isGood } from "./verdicts.ts";

export type MailListEntry = {
  readonly id: string;
  readonly from: string;
  readonly subject: string;
  readonly state: string;
  readonly warnings: readonly string[];
  /** What the state and the warnings say to the reader. */
  readonly sentence: string;
  /** The displayed fields that nobody signed, of a state that rests on a signature. */
  readonly unsigned: readonly string[];
  readonly signature: string;
  readonly signedAt: Date | undefined;
  readonly signer: string | undefined;
  readonly fingerprint: string | undefined;
  readonly scan: string;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
};

/** Subject and names show as `[...]` while the keys are locked (the outer From is what every relay saw anyway). */
const HIDDEN = "[...]";

/** The entry of a message; without keys its subject and names are hidden. */
export async function listEntry(
  message: StoredSummary,
  keys: UnlockedKeys | undefined,
): Promise<MailListEntry> {
  const { verdict } = message;
  const summary =
    keys === undefined || message.summary.length === 0
      ? undefined
      : await summaryIfOpen(message.summary, keys);
  // Read before a reset, and kept under the former key.
  const isOld = keys !== undefined && message.summary.length > 0 && summary === undefined;
  return entryOf(message, summary, isOld ? { ...verdict, state: "LOCKED_OLD" } : verdict);
}

function entryOf(
  message: StoredSummary,
  summary: Summary | undefined,
  verdict: StoredSummary["verdict"],
): MailListEntry {
  const { from, subject, claimed } = summary ?? {
    from: message.outerFrom,
    subject: HIDDEN,
    claimed: "",
  };
  return {
    id: message.id,
    from,
    subject,
    state: verdict.state,
    warnings: verdict.warnings,
    sentence: sentenceOf(verdict, { from, claimed }),
    unsigned: isGood(verdict) ? verdict.unsigned : [],
    signature: verdict.signature,
    signedAt: verdict.signedAt,
    signer: verdict.signer,
    fingerprint: verdict.fingerprint,
    scan: verdict.scan,
    receivedAt: message.receivedAt,
    sizeBytes: message.sizeBytes,
  };
}

/** One row that does not open shows as locked; the others of the list are shown all the same. */
async function summaryIfOpen(
  wrapped: Uint8Array,
  keys: UnlockedKeys,
): Promise<Summary | undefined> {
  // A fault while one row is read shows that row as locked, too.
  const decrypted = await decrypt({ message: wrapped, keys: keys.all }).catch(() => undefined);
  return decrypted?.kind === "decrypted" ? parseSummary(decrypted.data) : undefined;
}
