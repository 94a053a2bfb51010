import { sql } from "kysely";

import { AppError } from "../../base/errors.ts";
import { first } from "../migrations/0001-first.ts";
import type { Migration } from "../migrations/migration.ts";
import type { Store } from "../store.ts";
import { RESTORING } from "./filling.ts";
import { DatabaseTrouble } from "./trouble.ts";

type Step = { readonly name: string; readonly migration: Migration };

/** In the order in which they run. */
export const STEPS: readonly Step[] = [{ name: "0001-first", migration: first }];

const LOCK = 0x5ea1_9057;

/**
 * Brings the tables up to date, in one transaction and under a lock, so that several processes may do it at once.
 * @throws AppError when a newer program made them: this one does not know what they mean.
 */
export async function migrate(store: Store): Promise<void> {
  await store.transaction(async (tx) => {
    const { db, engine } = tx;
    // SQLite's transactions of ours hold the write lock from their first statement.
    await refuseUnfinished(tx);
    if (engine === "postgres") await sql`select pg_advisory_xact_lock(${LOCK})`.execute(db);
    await sql`create table if not exists migrations (name text primary key not null)`.execute(db);
    const done = new Set(
      (await db.selectFrom("migrations").select("name").execute()).map((row) => row.name),
    );
    refuseNewer(done);
    for (const { name, migration } of STEPS) {
      if (done.has(name)) continue;
      for (const statement of migration(engine)) await sql.raw(statement).execute(db);
      await db.insertInto("migrations").values({ name }).execute();
    }
  });
}

/** A backup that was filled in half-way may publish keys that were revoked since. */
async function refuseUnfinished(store: Store): Promise<void> {
  const tables = await store.db.introspection.getTables();
  if (!tables.some(({ name }) => name === RESTORING)) return;
  throw new AppError(
    "a restore into this database was interrupted: make an empty database, and do `sealpost restore` again",
    { temporary: false },
  );
}

function refuseNewer(done: ReadonlySet<string>): void {
  const known = new Set(STEPS.map(({ name }) => name));
  const newer = [...done].filter((name) => !known.has(name)).toSorted();
  if (newer.length === 0) return;
  throw new AppError(
    `the database was made by a newer version of Sealpost (it has ${newer.join(", ")}): run that version, or restore ` +
      "a backup from before the upgrade (docs/operate/backup.md)",
    { temporary: false },
  );
}

/**
 * For whoever only reads, and changes nothing. `steps` are those that this program knows.
 * @throws AppError when the tables are older or newer than this program, or not there.
 */
export async function requireMigrated(store: Store, steps = STEPS): Promise<void> {
  await refuseUnfinished(store);
  const tables = await sql<{ name: string }>`select name from migrations`
    .execute(store.db)
    .catch((error: unknown) => {
      if (error instanceof DatabaseTrouble) throw error;
      return { rows: [] };
    });
  const done = new Set(tables.rows.map(({ name }) => name));
  refuseNewer(done);
  const missing = steps.filter(({ name }) => !done.has(name));
  if (missing.length === 0) return;
  throw new AppError(
    done.size === 0
      ? "the database is not there yet: add an account, or start the gateway"
      : "the database is older than this version of Sealpost, and a command that only reads leaves it so: start the " +
          "gateway once, which brings it up to date (sealpost serve --role gateway)",
    { temporary: false },
  );
}

/** True when no migration is missing, and none is there that this program does not know. */
export async function isMigrated(store: Store): Promise<boolean> {
  try {
    const rows = await store.db.selectFrom("migrations").select("name").execute();
    const done = new Set(rows.map((row) => row.name));
    return done.size === STEPS.length && STEPS.every(({ name }) => done.has(name));
  } catch {
    // The table itself is missing, or the database is out of reach: in either case not ready.
    return false;
  }
}
