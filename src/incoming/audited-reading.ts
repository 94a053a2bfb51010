/** Mail that is read for its owner. Where it is read without the owner's password, the audit log says so. */
import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { StandardFolder } from "../mailbox/mailbox.ts";
import { OPENS_WITHOUT_USER, type Account } from "../words/account.ts";
import { listMail, showMail, type ReadingDeps, type ShownMail } from "./reading.ts";
import type { MailListEntry } from "./mail-list.ts";

/** Whose mail it is; `keys` are those that the owner's password opened. */
export type Reader = { readonly account: Account; readonly keys: UnlockedKeys | undefined };

type Deps = ReadingDeps & { readonly clock: Clock };

/** As `listMail`, with its audit row. */
export async function listMailFor(
  deps: Deps,
  reader: Reader,
  folder?: StandardFolder,
): Promise<readonly MailListEntry[]> {
  const entries = await listMail(deps, namesOf(reader), folder);
  await auditReading(deps, reader, "mail.listed", {});
  return entries;
}

/** As `showMail`, with its audit row; undefined, and no row, when the account has no such message. */
export async function showMailFor(
  deps: Deps,
  reader: Reader,
  o: { readonly id: string; readonly isPart: boolean },
): Promise<ShownMail | undefined> {
  const shown = await showMail(deps, { ...namesOf(reader), ...o });
  if (shown !== undefined) await auditReading(deps, reader, "mail.shown", { id: o.id });
  return shown;
}

function namesOf({ account, keys }: Reader) {
  return { account: account.id, ...(keys === undefined ? {} : { keys }) };
}

/** Only the provider's own access is to be watched: an owner who gave the password reads, or nothing was opened. */
export async function auditReading(
  { store, clock }: Deps,
  { account, keys }: Reader,
  action: "mail.listed" | "mail.searched" | "mail.shown",
  detail: { readonly id?: string },
): Promise<void> {
  if (keys !== undefined || !OPENS_WITHOUT_USER[account.custody]) return;
  await appendAudit(store, { at: clock.now(), action, account: account.id, detail });
}
