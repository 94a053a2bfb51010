import { sql } from "kysely";

import type { Store } from "../store.ts";

/**
 * Counts one attempt under a key and says how many there were in the running window, this one included. One statement,
 * so that processes that share the database share the count.
 */
export async function countAttempt(
  store: Store,
  key: string,
  now: Date,
  windowMs: number,
): Promise<number> {
  const at = now.getTime();
  const isOver = sql<boolean>`attempts.window_start <= ${at - windowMs}`;
  const row = await store.db
    .insertInto("attempts")
    .values({ key, window_start: at, count: 1 })
    .onConflict((conflict) =>
      conflict.column("key").doUpdateSet({
        count: sql<number>`case when ${isOver} then 1 else attempts.count + 1 end`,
        window_start: sql<number>`case when ${isOver} then ${at} else attempts.window_start end`,
      }),
    )
    .returning("count")
    .executeTakeFirstOrThrow();
  return row.count;
}

/** How many attempts were counted under a key in the running window. */
export async function readAttempts(
  store: Store,
  key: string,
  now: Date,
  windowMs: number,
): Promise<number> {
  const row = await store.db
    .selectFrom("attempts")
    .select("count")
    .where("key", "=", key)
    .where("window_start", ">", now.getTime() - windowMs)
    .executeTakeFirst();
  return row?.count ?? 0;
}

export async function forgetAttempts(store: Store, key: string): Promise<void> {
  await store.db.deleteFrom("attempts").where("key", "=", key).execute();
}

/** Deletes what began before a moment. */
export async function purgeAttempts(store: Store, before: Date): Promise<void> {
  await store.db.deleteFrom("attempts").where("window_start", "<", before.getTime()).execute();
}
