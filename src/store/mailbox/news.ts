import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { countInMailbox } from "./mailboxes.ts";
import { changeMessages } from "./message-changes.ts";
import { findOnce } from "./messages.ts";

/**
 * What became of a sent message, wrapped to the public key; whether an answer to it must not leave in clear, and whether its
 * sender is told that it left in clear.
 */
export type News = {
  readonly octets: Uint8Array;
  readonly isProtected: boolean;
  readonly hasNotice: boolean;
};

/** Notes news of the message that was stored with this tag, in place of earlier ones. False: there is none. */
export async function noteNews(
  store: Store,
  account: AccountId,
  once: string,
  { octets, isProtected, hasNotice }: News,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const id = await findOnce(tx, account, once);
    if (id === undefined) return false;
    const isMeant = (): boolean => true;
    const changed = await changeMessages(tx, account, { ids: [id], isMeant }, async (found) => {
      const bytes = found.rows.reduce((sum, { news }) => sum + octets.length - news.length, 0);
      await tx.db
        .updateTable("mailbox_messages")
        .set({
          news: octets,
          has_news: 1,
          is_protected: isProtected ? 1 : 0,
          has_notice: hasNotice ? 1 : 0,
          change: found.change,
          stored_bytes: sql<number>`stored_bytes + ${sql.lit(bytes)}`,
        })
        .where("account", "=", account)
        .where("id", "=", id)
        .execute();
      await countInMailbox(tx, account, { messages: 0, bytes });
    });
    return changed.length > 0;
  });
}
