/** Loads very many rows at once: a database makes an index of all of them far sooner than it adds each to an index. */
import { sql } from "kysely";

import type { Store } from "../../src/store/store.ts";

/**
 * Does `load` in one transaction in which no table has indexes, but for those of its constraints, and in which no reference to
 * another table is checked. Each index is made again as it was. What is loaded must fit.
 */
export async function bulkLoad(store: Store, load: (tx: Store) => Promise<void>): Promise<void> {
  const isPostgres = store.engine === "postgres";
  // SQLite changes it outside of transactions alone.
  if (!isPostgres) await sql`pragma foreign_keys = off`.execute(store.db);
  try {
    await store.transaction(async (tx) => {
      if (isPostgres) await sql.raw(IN_BULK).execute(tx.db);
      const indexes = await indexesOf(tx);
      for (const { name } of indexes) await sql.raw(`drop index ${name}`).execute(tx.db);
      await load(tx);
      for (const { definition } of indexes) await sql.raw(definition).execute(tx.db);
    });
  } finally {
    if (!isPostgres) await sql`pragma foreign_keys = on`.execute(store.db);
  }
}

/** A trigger checks each reference of each row. Rows and indexes are sorted in memory. */
const IN_BULK = `set local session_replication_role = replica; set local work_mem = '512MB';
  set local maintenance_work_mem = '512MB'; set local synchronous_commit = off; set local jit = off`;

type Index = { readonly name: string; readonly definition: string };

/** Those that were made by a statement of their own, and that no reference needs. */
async function indexesOf({ db, engine }: Store): Promise<readonly Index[]> {
  const found =
    engine === "postgres"
      ? sql<Index>`select indexname as name, indexdef as definition from pg_indexes
          where schemaname = current_schema() and indexname not in
            (select relname from pg_constraint join pg_class on pg_class.oid = conindid)`
      : sql<Index>`select name, sql as definition from sqlite_schema where type = 'index' and sql is not null`;
  return (await found.execute(db)).rows;
}
