import { sql } from "kysely";

import type { Store } from "../store.ts";
import type { Schema } from "./schema.ts";

/** Tables from which rows of a person are deleted. */
const ERASABLE: readonly (keyof Schema)[] = [
  "accounts",
  "addresses",
  "author_answers",
  "author_keys",
  "cached_certificates",
  "generic_revocations",
  "jobs",
  "mailbox_certificates",
  "mailbox_use",
  "master_keys",
  "message_pieces",
  "messages",
  "outbox",
  "outbox_pieces",
  "published_certificates",
  "secret_keys",
  "slots",
  "trace",
  "trace_names",
  "unusable_answers",
];

/**
 * Makes what was deleted physically gone: overwritten and out of the log on SQLite, vacuumed on PostgreSQL. Not for use
 * inside a transaction.
 */
export async function forgetDeleted(
  { engine, db }: Store,
  tables: readonly (keyof Schema)[] = ERASABLE,
): Promise<void> {
  const statement =
    engine === "sqlite" ? "pragma wal_checkpoint(truncate)" : `vacuum ${tables.join(", ")}`;
  await sql.raw(statement).execute(db);
}
