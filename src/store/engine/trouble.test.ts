/** What the database says when it cannot work, and that the same process works on once it can. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { sql } from "kysely";

import { engines } from "../../../test/support/engines.ts";
import { writeProbe } from "../discovery/clock-seen.ts";
import { openStore, type Store } from "../store.ts";
import { migrate } from "./migrate.ts";
import { DatabaseTrouble, type TroubleKind } from "./trouble.ts";

const [sqlite = assert.fail(), postgres = assert.fail()] = engines();

async function troubleOf(work: () => Promise<unknown>): Promise<DatabaseTrouble> {
  try {
    await work();
  } catch (error) {
    assert(error instanceof DatabaseTrouble, String(error));
    assert(error.temporary);
    return error;
  }
  return assert.fail("nothing was wrong");
}

async function fill(store: Store): Promise<void> {
  await store.transaction(async ({ db }) => {
    const detail = "x".repeat(100_000);
    for (let at = 0; at < 100; at += 1) {
      const row = { message_id: "m", at, direction: "in", step: "s", detail, expires_at: 0 };
      await db.insertInto("trace").values(row).execute();
    }
  });
}

test("a full disk is named, not the rollback that SQLite has done already", async () => {
  await using store = await sqlite.open();
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(store.db);
  await sql.raw(`pragma max_page_count = ${String(rows[0]?.page_count)}`).execute(store.db);
  const { kind, message } = await troubleOf(async () => fill(store));
  assert.equal(kind, "full" satisfies TroubleKind);
  assert.match(
    message,
    /^there is no room left on the disk .*sealpost\.db\): database or disk is full/,
  );
  assert.doesNotMatch(message, /rollback/);
  await sql`pragma max_page_count = 100000`.execute(store.db);
  await fill(store);
});

test("a database that another process holds is named", async () => {
  const place = await sqlite.place();
  assert(place.engine === "sqlite");
  await using store = await openStore(place);
  await migrate(store);
  using other = new DatabaseSync(place.path);
  other.exec("begin immediate");
  const { kind, message } = await troubleOf(async () => writeProbe(store));
  assert.equal(kind, "locked" satisfies TroubleKind);
  assert.match(message, /^another process holds the database/);
  other.exec("rollback");
  await writeProbe(store);
});

test("a server that ends a connection, at work or at rest or within a transaction, is named and survived", async () => {
  await using store = await postgres.open();
  await using other = await openStore(await placeOf(store));
  const pidOf = async (of: Store): Promise<number> => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(of.db);
    return rows[0]?.pid ?? 0;
  };
  const end = async (by: Store, pid: number): Promise<void> => {
    await sql`select pg_terminate_backend(${pid}, 5000)`.execute(by.db);
  };
  const atWork = await troubleOf(async () =>
    store.transaction(async (tx) => end(tx, await pidOf(tx))),
  );
  const between = await troubleOf(async () =>
    store.transaction(async (tx) => {
      // The connection is taken, and waits for nothing: nobody but a listener hears how it ends.
      await end(other, await pidOf(tx));
      await pidOf(tx);
    }),
  );
  for (const { kind } of [atWork, between]) assert.equal(kind, "away" satisfies TroubleKind);
  await end(other, await pidOf(store));
  await sql`select 1`.execute(store.db).catch(() => undefined);
  await writeProbe(store);
});

/** Where a PostgreSQL store is. */
async function placeOf(store: Store) {
  const { rows } = await sql<{ name: string; folder: string }>`select current_database() as name,
    current_setting('unix_socket_directories') as folder`.execute(store.db);
  const { name = "", folder = "" } = rows[0] ?? {};
  const url = `postgres:///${name}?user=app&host=${encodeURIComponent(folder)}`;
  return { engine: "postgres", url } as const;
}

/** Two transactions that wait for each other, until PostgreSQL ends one of them; how often their work ran. */
async function inACircle(store: Store, repetition?: "may-run-again"): Promise<number> {
  let runs = 0;
  const both = Promise.withResolvers<undefined>();
  const hold = async (tx: Store, name: number): Promise<unknown> =>
    sql`select pg_advisory_xact_lock(${name})`.execute(tx.db);
  const locking = async (first: number, second: number): Promise<void> =>
    store.transaction(async (tx) => {
      await hold(tx, first);
      runs += 1;
      if (runs === 2) both.resolve(undefined);
      await both.promise;
      await hold(tx, second);
    }, repetition);
  const ended = await Promise.allSettled([locking(1, 2), locking(2, 1)]);
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return runs;
}

test("of two transactions in a circle one is done again where its work may run again, else it fails for now", async () => {
  await using store = await postgres.open();
  assert.equal(await inACircle(store, "may-run-again"), 3);
  const { kind, message } = await troubleOf(async () => inACircle(store));
  assert.equal(kind, "conflict" satisfies TroubleKind);
  assert.match(message, /^another transaction was first.*try again: deadlock detected/);
});
