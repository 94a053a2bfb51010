/** A database that a backup is about to fill. */
import { sql } from "kysely";

import { holdPublication } from "../keys/published-version.ts";
import type { Store } from "../store.ts";

/** A table that is there while a backup is filled in. */
export const RESTORING = "restore_is_unfinished";

/** Whether somebody made tables here, of whatever version. */
export async function hasTables({ db }: Store): Promise<boolean> {
  const tables = await db.introspection.getTables();
  return tables.some(({ name }) => name === "migrations");
}

/** Marks an empty database that a backup is about to fill: no program starts on it until `endFilling`. */
export async function beginFilling({ db }: Store): Promise<void> {
  await sql.raw(`create table if not exists ${RESTORING} (id integer)`).execute(db);
}

/** Nothing is published from what was filled in; from now on programs may start on it. */
export async function endFilling(store: Store): Promise<void> {
  await store.transaction(async (tx) => {
    await holdPublication(tx, true);
    await sql.raw(`drop table if exists ${RESTORING}`).execute(tx.db);
  });
}
