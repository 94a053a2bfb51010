/**
 * A message for other programs: opened, as its reader is shown it. The trace fields and the protected fields stand in its header,
 * our status on top, of a sent message its receipt, and no status or result of ours that a sender wrote, nor flags for the programs that read the file. A draft has its attachments in it. What does not open is
 * given as it was received, and a draft whose attachments do not without them.
 */
import { AppError, MissingOctets, ProgramFault, TooCostly } from "../../base/errors.ts";
import type { EmailAddress } from "../../mail/address.ts";
import { withAttached, type AttachedFile } from "../../mail/attach.ts";
import { withoutResults } from "../../mail/auth-results.ts";
import { MBOX_FIELDS } from "../../mailbox/files/file-flags.ts";
import type { MessageId } from "../../mailbox/mailbox.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { AccountId } from "../../words/account.ts";
import { annotate } from "../annotate.ts";
import type { MailListEntry } from "../mail-list.ts";
import { findMail, isWithheld, mailboxFor, type ReadingDeps } from "../reading.ts";
import { withReceipt } from "../receipt.ts";
import type { ClearView } from "../signed.ts";

/** Whose mail it is, what opens it, and the names of this host that results could claim. */
export type ExportFrom = {
  readonly account: AccountId;
  readonly address: EmailAddress;
  readonly keys: UnlockedKeys;
  readonly hostname: string;
};

export type ExportedForm =
  | {
      readonly kind: "opened" | "as-received";
      readonly message: Uint8Array;
      readonly entry: MailListEntry;
    }
  /** Not even its octets open with these keys. */
  | { readonly kind: "closed"; readonly entry: MailListEntry };

/** Undefined: there is no such message any more. Line ends are CRLF. @throws MissingOctets where the message has none */
export async function exportedForm(
  deps: ReadingDeps,
  from: ExportFrom,
  id: string,
): Promise<ExportedForm | undefined> {
  const found = await findMail(deps, from.account, id, from.keys);
  if (found === undefined) return undefined;
  const { entry } = found;
  const content = isWithheld(entry)
    ? undefined
    : await unlessClosed(async () => found.content(from.keys));
  if (content !== undefined && content.raw.length > 0) {
    const files = await filesOf(deps, from, entry);
    const view = withAttached(content.view, files ?? []);
    const message = annotated(deps, from, entry, { ...content, view });
    return { kind: files === undefined ? "as-received" : "opened", message, entry };
  }
  const received = await unlessClosed(async () => found.received(from.keys));
  if (received === undefined) return { kind: "closed", entry };
  return { kind: "as-received", message: ownForm(received, from, entry), entry };
}

/** Maximum number of octets that are put into one message: making it takes several times its size in memory. */
const MAX_FILES_OCTETS = 64 * 1024 * 1024;

/** What belongs to a draft beside its text; undefined where it is damaged or missing, or too large for one message. */
async function filesOf(
  deps: ReadingDeps,
  { account, keys }: ExportFrom,
  { id, attachments }: MailListEntry,
): Promise<readonly AttachedFile[] | undefined> {
  const stored = attachments.filter((one) => one.stored !== undefined);
  if (stored.length === 0) return [];
  if (stored.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > MAX_FILES_OCTETS)
    return undefined;
  const mailbox = await mailboxFor(deps, account, keys);
  const read = await unlessClosed(async () =>
    mailbox.storedFiles(id as MessageId).catch((error: unknown) => {
      if (error instanceof MissingOctets) return undefined;
      throw error;
    }),
  );
  return read?.kind === "files" ? read.files : undefined;
}

function annotated(
  { statusKey }: ReadingDeps,
  from: ExportFrom,
  entry: MailListEntry,
  { view, verdict }: ClearView,
): Uint8Array {
  return annotate(ownForm(view, from, entry), verdict, from.address, statusKey);
}

/** Without what only we, or the programs that read the file, may say; of a sent message with its receipt. */
function ownForm(
  message: Uint8Array,
  { hostname }: ExportFrom,
  { sent }: MailListEntry,
): Uint8Array {
  return withReceipt(withoutResults(message, [hostname], MBOX_FIELDS), sent);
}

/** A message that does not open, costs too much to open, or meets a fault of ours, keeps no other from being exported. */
async function unlessClosed<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work();
  } catch (error) {
    const isItsOwn =
      error instanceof TooCostly ||
      error instanceof ProgramFault ||
      (error instanceof AppError && !error.temporary);
    if (isItsOwn) return undefined;
    throw error;
  }
}
