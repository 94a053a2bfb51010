/**
 * How many messages of an account left in clear on a day, and because of which states of recipients. They are counted for the
 * digest alone, and deleted with it. They name nobody. Days are counted in UTC, from 1970 on.
 */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";

/** All messages of a day, whatever the reason: one message may have several. */
export const ALL = "";

/** Some days, both ends included. */
export type Days = { readonly first: number; readonly last: number };

export type ClearCount = {
  readonly day: number;
  /** A state of recipients, or `ALL`. */
  readonly reason: string;
  readonly messages: number;
};

/** Counts one message under each of its reasons, in a transaction that holds the account. */
export async function countClear(
  tx: Store,
  account: AccountId,
  { day, reasons }: { readonly day: number; readonly reasons: readonly string[] },
): Promise<void> {
  // In one order, so that no two transactions wait for each other.
  const rows = [...new Set([ALL, ...reasons])].toSorted().map((reason) => {
    return { account, day, reason, messages: 1 };
  });
  await tx.db
    .insertInto("clear_counts")
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(["account", "day", "reason"])
        .doUpdateSet({ messages: sql<number>`clear_counts.messages + 1` }),
    )
    .execute();
}

/** A place in the order of days, and of accounts within a day. */
export type CountPlace = { readonly day: number; readonly account: AccountId };

/** Accounts with counts of some days, behind a place; an account may come once for each day and reason. */
export async function listClearCounts(
  store: Store,
  { first, last }: Days,
  { after, limit }: { readonly after: CountPlace | undefined; readonly limit: number },
): Promise<readonly CountPlace[]> {
  const query = store.db
    .selectFrom("clear_counts")
    .select(["day", "account"])
    .where("day", ">=", first)
    .where("day", "<=", last)
    .orderBy("day")
    .orderBy("account")
    .limit(limit);
  const page =
    after === undefined
      ? query
      : query.where((row) =>
          row(row.refTuple("day", "account"), ">", row.tuple(after.day, after.account)),
        );
  const rows = await page.execute();
  return rows.map(({ day, account }) => ({ day, account: account as AccountId }));
}

/** Deletes the counts of an account for some days. @returns what they were. */
export async function takeClearCounts(
  tx: Store,
  account: AccountId,
  { first, last }: Days,
): Promise<readonly ClearCount[]> {
  return tx.db
    .deleteFrom("clear_counts")
    .where("account", "=", account)
    .where("day", ">=", first)
    .where("day", "<=", last)
    .returning(["day", "reason", "messages"])
    .execute();
}

/** Deletes all counts of an account. */
export async function deleteClearCounts(tx: Store, account: AccountId): Promise<void> {
  await tx.db.deleteFrom("clear_counts").where("account", "=", account).execute();
}

/** Deletes the counts of all days before one. */
export async function purgeClearCounts(store: Store, before: number): Promise<void> {
  await store.db.deleteFrom("clear_counts").where("day", "<", before).execute();
}
