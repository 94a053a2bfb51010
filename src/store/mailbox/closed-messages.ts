/** Messages of mailboxes that nothing could be read of. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";

/** Sealed messages that could not be opened, or count as damaged; at most `limit`. */
export async function selectClosed(
  store: Store,
  account: AccountId,
  limit: number,
): Promise<readonly string[]> {
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    // As the index has it.
    .where(sql<boolean>`state in ('DAMAGED', 'UNDECRYPTABLE')`)
    .where("form", "=", sql.lit("sealed"))
    .where("expunge_at", "=", sql.lit(0))
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}
