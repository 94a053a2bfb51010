/** What a reader is told about mail of theirs that left in clear (`mailbox/sent-notices.ts`). */
import type { Clock } from "../base/time.ts";
import { noticesOf, type NoticePage } from "../mailbox/sent-notices.ts";
import { auditReading, keysOf, type Reader } from "./audited-reading.ts";
import { keptAfter, keptPlace, type ListPlace } from "./list-page.ts";
import { isOpen, withOpened, type ReadingDeps } from "./reading.ts";

type Deps = ReadingDeps & { readonly clock: Clock };

/** A page of notices, and where the next one begins. */
export type NoticeList =
  | (Omit<Extract<NoticePage, { kind: "notices" }>, "next"> & {
      readonly next: ListPlace | undefined;
    })
  | { readonly kind: "mailbox-closed" };

/**
 * A page of a reader's notices, the newest message first. Where it is read without the owner's password the audit log says so, as
 * of a list of mail.
 */
export async function listNoticesFor(
  deps: Deps,
  reader: Reader,
  { place, limit }: { readonly place?: ListPlace | undefined; readonly limit: number },
): Promise<NoticeList> {
  return withOpened(deps, keysOf(reader), async (open) => {
    if (!isOpen(open)) return { kind: "mailbox-closed" };
    const after = keptAfter(place);
    if (after === "end") return { kind: "notices", notices: [], next: undefined };
    const mailbox = deps.mailboxOf(deps.store, reader.account, open);
    const found = await noticesOf(mailbox, { after, limit });
    if (found.kind === "closed") return { kind: "mailbox-closed" };
    await auditReading(deps, reader, "mail.listed", {});
    return { ...found, next: keptPlace(found.next) };
  });
}
