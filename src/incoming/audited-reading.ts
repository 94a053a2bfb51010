/** Mail that is read for its owner. Where it is read without the owner's password, the audit log says so. */
import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { OPENS_WITHOUT_USER, type Account } from "../words/account.ts";
import { listMail, type AskedList, type MailPage } from "./list-page.ts";
import { showMail, type KeysOf, type ReadingDeps, type ShownMail } from "./reading.ts";

/** Whose mail it is; `keys` are those that the owner's password opened. */
export type Reader = { readonly account: Account; readonly keys: UnlockedKeys | undefined };

/** The same for what goes by the ID of the account. */
export function keysOf({ account, keys }: Reader): KeysOf {
  return { account: account.id, keys };
}

type Deps = ReadingDeps & { readonly clock: Clock };

/** As `listMail`, with its audit row. */
export async function listMailFor(
  deps: Deps,
  reader: Reader,
  asked: AskedList = {},
): Promise<MailPage> {
  const page = await listMail(deps, { ...keysOf(reader), ...asked });
  await auditReading(deps, reader, "mail.listed", {});
  return page;
}

/** As `showMail`, with its audit row; undefined, and no row, when the account has no such message. */
export async function showMailFor(
  deps: Deps,
  reader: Reader,
  o: { readonly id: string; readonly isPart: boolean },
): Promise<ShownMail | undefined> {
  const shown = await showMail(deps, { ...keysOf(reader), ...o });
  if (shown !== undefined) await auditReading(deps, reader, "mail.shown", { id: o.id });
  return shown;
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
