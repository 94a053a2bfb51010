/**
 * What the waiting mail of each account comes to, in a row of its own. Whoever adds a message, changes its size or takes it
 * away counts that in the same transaction. A delivery therefore adds up nothing.
 */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Store } from "../store.ts";

/** How many messages wait, and the octets that they take here. */
export type SpoolUse = { readonly messages: number; readonly bytes: number };

/** What waits for an account now. */
export async function readSpoolUse(store: Store, account: AccountId): Promise<SpoolUse> {
  const row = await selectUse(store, { account }).executeTakeFirst();
  return { messages: row?.messages ?? 0, bytes: row?.bytes ?? 0 };
}

const selectUse = compiled((db, { account }: { readonly account: string }) =>
  db.selectFrom("spool_use").select(["messages", "bytes"]).where("account", "=", account),
);

/** Counts what comes or goes, in the transaction that makes it come or go; what goes is negative. */
export async function countWaiting(tx: Store, account: AccountId, use: SpoolUse): Promise<void> {
  await addUse(tx, { account, ...use }).execute();
}

const addUse = compiled(
  (db, { account, messages, bytes }: SpoolUse & { readonly account: string }) =>
    db
      .insertInto("spool_use")
      .values({ account, messages, bytes })
      .onConflict((conflict) =>
        conflict.column("account").doUpdateSet({
          messages: sql<number>`spool_use.messages + ${messages}`,
          bytes: sql<number>`spool_use.bytes + ${bytes}`,
        }),
      ),
);

/** The accounts for which mail waits, with what it comes to. */
export async function listSpoolUse(
  store: Store,
): Promise<readonly (SpoolUse & { readonly account: AccountId })[]> {
  const rows = await store.db
    .selectFrom("spool_use")
    .selectAll()
    .where("messages", ">", sql.lit(0))
    .execute();
  return rows.map((row) => ({ ...row, account: row.account as AccountId }));
}
