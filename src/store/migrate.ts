import { sql } from "kysely";

import { first } from "./migrations/0001-first.ts";
import { outbox } from "./migrations/0002-outbox.ts";
import { life, nameForDirectory } from "./migrations/0003-life.ts";
import { attempts } from "./migrations/0004-attempts.ts";
import { revocationsSeen } from "./migrations/0005-revocations-seen.ts";
import { givenUp } from "./migrations/0006-given-up.ts";
import { auditActions } from "./migrations/0007-audit-actions.ts";
import { stopServingUnrevoked, unserved } from "./migrations/0008-unserved.ts";
import { sealedForm } from "./migrations/0011-sealed-form.ts";
import type { Engine, Store } from "./store.ts";

/** One step of the schema, as statements for an engine. A landed one is never edited. */
export type Migration = (engine: Engine) => readonly string[];

type Step = {
  readonly name: string;
  readonly migration: Migration;
  /** What becomes of rows that are there already, where SQL alone cannot say it. */
  readonly fill?: (store: Store) => Promise<void>;
};

/** In the order in which they run. */
const STEPS: readonly Step[] = [
  { name: "0001-first", migration: first },
  { name: "0002-outbox", migration: outbox },
  { name: "0003-life", migration: life, fill: nameForDirectory },
  { name: "0004-attempts", migration: attempts },
  { name: "0005-revocations-seen", migration: revocationsSeen },
  { name: "0006-given-up", migration: givenUp },
  { name: "0007-audit-actions", migration: auditActions },
  { name: "0008-unserved", migration: unserved, fill: stopServingUnrevoked },
  { name: "0011-sealed-form", migration: sealedForm },
];

const LOCK = 0x5ea1_9057;

/** Brings the tables up to date, in one transaction and under a lock, so that several processes may do it at once. */
export async function migrate(store: Store): Promise<void> {
  await store.transaction(async (tx) => {
    const { db, engine } = tx;
    // SQLite's transactions of ours hold the write lock from their first statement.
    if (engine === "postgres") await sql`select pg_advisory_xact_lock(${LOCK})`.execute(db);
    await sql`create table if not exists migrations (name text primary key not null)`.execute(db);
    const done = new Set(
      (await db.selectFrom("migrations").select("name").execute()).map((row) => row.name),
    );
    for (const { name, migration, fill } of STEPS) {
      if (done.has(name)) continue;
      for (const statement of migration(engine)) await sql.raw(statement).execute(db);
      await fill?.(tx);
      await db.insertInto("migrations").values({ name }).execute();
    }
  });
}

/** True when no migration is missing: what a read-only process asks before it serves. */
export async function isMigrated(store: Store): Promise<boolean> {
  try {
    const rows = await store.db.selectFrom("migrations").select("name").execute();
    const done = new Set(rows.map((row) => row.name));
    return STEPS.every(({ name }) => done.has(name));
  } catch {
    // The table itself is missing, or the database is out of reach: in either case not ready.
    return false;
  }
}
