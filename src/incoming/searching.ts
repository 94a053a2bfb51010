/** Search in a reader's mailbox. What came since the last search is put into the index first. */
import type { Clock } from "../base/time.ts";
import type { Folder, Mailbox } from "../mailbox/mailbox.ts";
import { auditReading, keysOf, type Reader } from "./audited-reading.ts";
import { keptAfter, keptPlace, type ListPlace } from "./list-page.ts";
import { keptEntry, type MailListEntry } from "./mail-list.ts";
import { withOpened, type ReadingDeps } from "./reading.ts";

type Deps = ReadingDeps & { readonly clock: Clock };

/** What a search came to: a page of it, and where the next one begins. */
export type MailSearch =
  | {
      readonly kind: "found";
      readonly entries: readonly MailListEntry[];
      readonly next: ListPlace | undefined;
    }
  | { readonly kind: "mailbox-closed" };

/** Which page of what was found. */
type AskedSearch = { readonly place?: ListPlace | undefined; readonly limit: number };

/**
 * A page of the messages in which all words of `words` stand, or words that begin so, the newest first. Where it is done without the
 * owner's password the audit log says so, and not what was searched for.
 */
export async function searchMailFor(
  deps: Deps,
  reader: Reader,
  words: string,
  { place, limit }: AskedSearch,
): Promise<MailSearch> {
  return withOpened(deps, keysOf(reader), async (open) => {
    if (open === undefined) return { kind: "mailbox-closed" };
    const mailbox = deps.mailboxOf(deps.store, reader.account, open);
    return searched(deps, reader, mailbox, words, { place, limit });
  });
}

async function searched(
  deps: Deps,
  reader: Reader,
  mailbox: Mailbox,
  words: string,
  { place, limit }: AskedSearch,
): Promise<MailSearch> {
  await mailbox.catchUp();
  const after = keptAfter(place);
  if (after === "end") return { kind: "found", entries: [], next: undefined };
  const found = await mailbox.search({ anywhere: words }, { after, limit });
  if (found.kind === "closed") return { kind: "mailbox-closed" };
  await auditReading(deps, reader, "mail.searched", {});
  const entries = found.entries.map((entry) => keptEntry(entry, true));
  return { kind: "found", entries, next: keptPlace(found.next) };
}

/** The folders of a mailbox; the names of the reader's own ones need the keys. */
export async function listFoldersFor(
  deps: Deps,
  { account, keys }: Reader,
): Promise<readonly Folder[]> {
  using own = keys === undefined ? await deps.unlockWithService(account.id) : undefined;
  return await deps.mailboxOf(deps.store, account, keys ?? own).folders();
}
