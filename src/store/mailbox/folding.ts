/** Summaries taken under the present key of their mailbox: those that came while it was closed, and those of former key pairs. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { beginChange, countInMailbox } from "./mailboxes.ts";
import type { MailboxRow } from "./message-rows.ts";

/** The same summary, under the key of a key pair. */
export type FoldedSummary = {
  readonly row: Pick<MailboxRow, "id" | "key" | "summary" | "news">;
  readonly key: string;
  readonly summary: Uint8Array;
};

/** Replaces summaries that are still the ones that were read, with the news that are part of them now. For the reader nothing changes. @returns how many were replaced. */
export async function foldSummaries(
  store: Store,
  account: AccountId,
  folded: readonly FoldedSummary[],
): Promise<number> {
  return store.transaction(async (tx) => {
    await beginChange(tx, account);
    let [count, bytes] = [0, 0];
    for (const { row, key, summary } of folded) {
      const growth = summary.length - row.summary.length - row.news.length;
      const done = await tx.db
        .updateTable("mailbox_messages")
        .set({
          key,
          summary,
          news: new Uint8Array(),
          has_news: 0,
          stored_bytes: sql<number>`stored_bytes + ${growth}`,
        })
        .where("account", "=", account)
        .where("id", "=", row.id)
        .where("key", "=", row.key)
        .where("summary", "=", row.summary)
        .where("news", "=", row.news)
        .returning("id")
        .executeTakeFirst();
      if (done === undefined) continue;
      count += 1;
      bytes += growth;
    }
    if (count > 0) await countInMailbox(tx, account, { messages: 0, bytes });
    return count;
  });
}
