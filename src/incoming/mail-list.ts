/** A message as it stands in a list: its verdict, and of its summary what the keys open. */
import type { Flag, FolderId, MailboxEntry, MessageVerdict } from "../mailbox/mailbox.ts";
import { summaryFrom, type Attachment, type SentTo, type Summary } from "../mailbox/summary.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import type { WaitingSummary } from "../spool/spool.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { sentenceOf } from "./sentence.ts";
import { isGood, unknownBut } from "./verdicts.ts";

export type MailListEntry = {
  readonly id: string;
  readonly from: string;
  /** Whom the message claims inside to be from, where that is another and nothing is confirmed; else empty. */
  readonly claimed: string;
  readonly to: string;
  readonly subject: string;
  /** When the author says that they wrote it. */
  readonly date: Date | undefined;
  /** How the text begins. */
  readonly snippet: string;
  readonly attachments: readonly Attachment[];
  /** Undefined while the message waits. */
  readonly folder: FolderId | undefined;
  readonly flags: readonly Flag[];
  readonly keywords: readonly string[];
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
  /** Of what the reader sent: what each recipient got. */
  readonly sent: readonly SentTo[];
  readonly receivedAt: Date;
  readonly sizeBytes: number;
};

/** Subject and names show as `[...]` while the keys are locked. */
const HIDDEN = "[...]";

/** What is shown of a summary that is closed. */
const NOT_KNOWN = {
  claimed: "",
  to: HIDDEN,
  subject: HIDDEN,
  date: undefined,
  snippet: "",
  attachments: [],
  keywords: [],
} as const;

/** The facts of a message that stand beside its summary. */
type Facts = Pick<WaitingSummary, "id" | "receivedAt" | "sizeBytes" | "outerFrom"> &
  Partial<Pick<MailboxEntry, "folder" | "flags">>;

/**
 * The entry of a message that waits; without keys its subject and names are hidden, but for the outer From, which every
 * relay saw.
 */
export async function waitingEntry(
  message: WaitingSummary,
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

/** The entry of a message in the mailbox; `isOpen`: the mailbox was opened with keys. */
export function keptEntry(entry: MailboxEntry, isOpen: boolean): MailListEntry {
  return entryOf({ ...entry, outerFrom: HIDDEN }, entry.summary, verdictOf(entry, isOpen));
}

/** What is known of a message in the mailbox: without its summary the state alone. */
export function verdictOf(
  { summary, state, receivedAt }: Pick<MailboxEntry, "summary" | "state" | "receivedAt">,
  isOpen: boolean,
): MessageVerdict {
  return summary?.verdict ?? unknownBut(isOpen ? "LOCKED_OLD" : state, receivedAt);
}

/** The same entry under another verdict: that of a part which was opened apart. */
export function withVerdict(entry: MailListEntry, verdict: MessageVerdict): MailListEntry {
  const { from, claimed } = entry;
  return { ...entry, ...saidOf(verdict, { from, claimed }) };
}

function entryOf(
  message: Facts,
  summary: Summary | undefined,
  verdict: MessageVerdict,
): MailListEntry {
  const { from, claimed, to, subject, date, snippet, attachments, keywords } = summary ?? {
    ...NOT_KNOWN,
    from: message.outerFrom,
  };
  return {
    id: message.id,
    from,
    claimed,
    to,
    subject,
    date,
    snippet,
    attachments,
    folder: message.folder,
    flags: message.flags ?? [],
    keywords,
    ...saidOf(verdict, { from, claimed }),
    sent: summary?.sent ?? [],
    receivedAt: message.receivedAt,
    sizeBytes: message.sizeBytes,
  };
}

function saidOf(verdict: MessageVerdict, names: Pick<Summary, "from" | "claimed">) {
  return {
    state: verdict.state,
    warnings: verdict.warnings,
    sentence: sentenceOf(verdict, names),
    unsigned: isGood(verdict) ? verdict.unsigned : [],
    signature: verdict.signature,
    signedAt: verdict.signedAt,
    signer: verdict.signer,
    fingerprint: verdict.fingerprint,
    scan: verdict.scan,
  };
}

/** One row that does not open shows as locked; the others of the list are shown all the same. */
async function summaryIfOpen(
  wrapped: Uint8Array,
  keys: UnlockedKeys,
): Promise<Summary | undefined> {
  // A fault while one row is read shows that row as locked, too.
  const decrypted = await decrypt({ message: wrapped, keys: keys.all }).catch(() => undefined);
  return decrypted?.kind === "decrypted" ? summaryFrom(decrypted.data) : undefined;
}
