/** Search in a reader's mailbox. What came since the last search is put into the index first. */
import type { Clock } from "../base/time.ts";
import type { Cursor, Folder } from "../mailbox/mailbox.ts";
import { auditReading, type Reader } from "./audited-reading.ts";
import { keptEntry, type MailListEntry } from "./mail-list.ts";
import { openPending } from "./pending.ts";
import type { ReadingDeps } from "./reading.ts";

type Deps = ReadingDeps & { readonly clock: Clock };

/** Maximum number of messages that a search gives. */
const MAX_FOUND = 1000;
const PAGE = 200;

/** What a search came to; `isWhole`: it found no more than there is room for. */
export type MailSearch =
  | {
      readonly kind: "found";
      readonly entries: readonly MailListEntry[];
      readonly isWhole: boolean;
    }
  | { readonly kind: "mailbox-closed" };

/**
 * The messages in which all words of `words` stand, or words that begin so, the newest first. Where it is done without the
 * owner's password the audit log says so, and not what was searched for.
 */
export async function searchMailFor(
  deps: Deps,
  reader: Reader,
  words: string,
): Promise<MailSearch> {
  const { account, keys } = reader;
  using own = keys === undefined ? await deps.unlockWithService(account.id) : undefined;
  const open = keys ?? own;
  if (open === undefined) return { kind: "mailbox-closed" };
  await openPending(deps, account.id, open);
  const mailbox = deps.mailboxOf(deps.store, account, open);
  await mailbox.catchUp();
  const entries: MailListEntry[] = [];
  let after: Cursor | undefined;
  do {
    const page = await mailbox.search({ anywhere: words }, { after, limit: PAGE });
    if (page.kind === "closed") return { kind: "mailbox-closed" };
    entries.push(...page.entries.map((entry) => keptEntry(entry, true)));
    after = page.next;
  } while (after !== undefined && entries.length < MAX_FOUND);
  await auditReading(deps, reader, "mail.searched", {});
  return { kind: "found", entries, isWhole: after === undefined };
}

/** The folders of a mailbox; the names of the reader's own ones need the keys. */
export async function listFoldersFor(
  deps: Deps,
  { account, keys }: Reader,
): Promise<readonly Folder[]> {
  using own = keys === undefined ? await deps.unlockWithService(account.id) : undefined;
  return await deps.mailboxOf(deps.store, account, keys ?? own).folders();
}
