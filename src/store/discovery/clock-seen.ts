import { sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { Store } from "../store.ts";

const ONLY_ROW = 1;

/** Keeps the latest time that any process has seen, and says which that is. One statement. */
export async function keepLatestTime(store: Store, now: Date): Promise<Date> {
  const at = now.getTime();
  const row = await store.db
    .insertInto("clock_seen")
    .values({ id: ONLY_ROW, at })
    .onConflict((conflict) =>
      conflict.column("id").doUpdateSet({
        at: sql<number>`case when clock_seen.at > ${at} then clock_seen.at else ${at} end`,
      }),
    )
    .returning("at")
    .executeTakeFirstOrThrow();
  return fromUnixMs(row.at);
}

/** The latest time that any serving process has kept; undefined when none has. */
export async function readLatestTime(store: Store): Promise<Date | undefined> {
  const row = await store.db
    .selectFrom("clock_seen")
    .select("at")
    .where("id", "=", ONLY_ROW)
    .executeTakeFirst();
  return row === undefined || Number(row.at) === 0 ? undefined : fromUnixMs(Number(row.at));
}

/** Forgets what was kept: from now on that is the latest time. */
export async function resetLatestTime(store: Store, now: Date): Promise<void> {
  const at = now.getTime();
  await store.db
    .insertInto("clock_seen")
    .values({ id: ONLY_ROW, at })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ at }))
    .execute();
}

/** Writes, and changes nothing. @throws DatabaseTrouble when nothing can be written now. */
export async function writeProbe(store: Store): Promise<void> {
  await keepLatestTime(store, fromUnixMs(0));
}
