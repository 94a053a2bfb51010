/** Locks on what is no row: a file, an address that nobody has yet. */
import { createHash } from "node:crypto";
import { sql } from "kysely";

import type { Store } from "../store.ts";

/**
 * Holds a name until the caller's transaction ends: `alone`, or `shared` with others who share it. A transaction on SQLite
 * holds the only write lock already, so there nothing more is locked.
 */
export async function holdName(store: Store, name: string, how: "shared" | "alone"): Promise<void> {
  if (store.engine === "sqlite") return;
  const key = createHash("sha256").update(name).digest().readBigInt64BE(0).toString();
  const lock =
    how === "shared"
      ? sql`select pg_advisory_xact_lock_shared(${key}::bigint)`
      : sql`select pg_advisory_xact_lock(${key}::bigint)`;
  await lock.execute(store.db);
}
