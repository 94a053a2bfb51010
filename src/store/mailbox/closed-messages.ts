/** Messages of mailboxes that nothing could be read of. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";

/** Sealed messages that could not be opened, or count as damaged: the one of `id`, or at most `limit` behind the ID `after`. */
export async function selectClosed(
  store: Store,
  account: AccountId,
  o: { readonly id: string | undefined; readonly after: string; readonly limit: number },
): Promise<readonly string[]> {
  const query = store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    // As the index has it.
    .where(sql<boolean>`state in ('DAMAGED', 'UNDECRYPTABLE')`)
    .where("form", "=", sql.lit("sealed"))
    .where("expunge_at", "=", sql.lit(0))
    .where("id", ">", o.after)
    .orderBy("id")
    .limit(o.limit);
  const rows = await (o.id === undefined ? query : query.where("id", "=", o.id)).execute();
  return rows.map(({ id }) => id);
}
