/** SQLite in the caller's thread and in threads of its own: what both promise, and what only the threads do. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";

import { DIE, DIE_AT_COMMIT } from "../../../test/support/mortal-sqlite-worker.ts";
import { isProgramFault } from "../../base/errors.ts";
import { sharedOctets } from "../../base/large-octets.ts";
import { fromUnixMs } from "../../base/time.ts";
import { parseDomain } from "../../mail/address.ts";
import { readContinuity, writeContinuity } from "../discovery/cache.ts";
import { openStore, type Store, storeOver } from "../store.ts";
import { isConstraintViolation } from "./constraint.ts";
import { migrate } from "./migrate.ts";
import { openServingStore } from "./serving-store.ts";
import { SqliteHandles } from "./sqlite-driver.ts";
import { openSqliteThread } from "./sqlite-thread.ts";
import { DatabaseTrouble, type TroubleKind } from "./trouble.ts";

const NOW = fromUnixMs(1_800_000_000_000);
const [ALPHA, BETA] = [domain("alpha.test"), domain("beta.test")];
const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

function domain(text: string) {
  return parseDomain(text) ?? assert.fail();
}

async function newFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sealpost-thread-"));
  folders.push(folder);
  return join(folder, "sealpost.db");
}

async function migrated(store: Store): Promise<Store> {
  await migrate(store);
  return store;
}

/** A store whose thread ends when it is told to. */
async function mortalStore(): Promise<Store> {
  const file = { path: await newFile(), isReadOnly: false };
  const program = new URL(import.meta.resolve("../../../test/support/mortal-sqlite-worker.ts"));
  const open = async () => openSqliteThread(file, program);
  return migrated(storeOver(await new SqliteHandles(file.path, open).opened()));
}

async function troubleOf(work: Promise<unknown>): Promise<TroubleKind> {
  const error = await work.then(
    () => assert.fail("nothing was wrong"),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof DatabaseTrouble, String(error));
  assert(error.temporary);
  return error.kind;
}

for (const [where, open] of [
  ["in the caller's thread", openStore],
  ["in threads", openServingStore],
] as const) {
  const opened = async (): Promise<Store> =>
    migrated(await open({ engine: "sqlite", path: await newFile() }));

  test(`${where}: octets come back as they went, and are left as they are`, async () => {
    await using store = await opened();
    const around = Buffer.from(randomBytes(300_000));
    const shared = sharedOctets(600_000).fill(7);
    const values = [
      Buffer.from("pooled"),
      Buffer.alloc(0),
      randomBytes(100_000),
      around.subarray(10, 20),
      around.subarray(10, 200_000),
      shared.subarray(5, 300_005),
    ];
    for (const value of values) {
      const before = Buffer.from(value);
      const { rows } = await sql<{ same: Uint8Array }>`select ${value} as same`.execute(store.db);
      assert.deepEqual(Buffer.from(rows[0]?.same ?? "none"), before);
      assert.deepEqual(Buffer.from(value), before);
    }
  });

  test(`${where}: what is wrong keeps its kind`, async () => {
    await using store = await opened();
    const row = { domain: "alpha.test", last_secure_at: 1 };
    const insert = async () => store.db.insertInto("continuity").values(row).execute();
    await insert();
    await assert.rejects(insert(), (error) => isConstraintViolation(error));
    const mistaken = async (value: unknown) =>
      store.db
        .insertInto("continuity")
        .values({ domain: "beta.test", last_secure_at: value as never })
        .execute();
    await assert.rejects(mistaken({}), (error) => isProgramFault(error));
    await assert.rejects(mistaken(() => 1));
    assert.equal((await store.db.selectFrom("continuity").selectAll().execute()).length, 1);
  });

  test(`${where}: after SQLite has rolled a transaction back, nothing more of it is done`, async () => {
    await using store = await opened();
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(store.db);
    await sql.raw(`pragma max_page_count = ${String(rows[0]?.page_count)}`).execute(store.db);
    // A table without triggers: where there are some, SQLite undoes the statement alone.
    const large = { address: "x".repeat(10_000_000), reason: "", first_at: 1, last_at: 1 };
    const kind = await troubleOf(
      store.transaction(async (tx) => {
        await writeContinuity(tx, ALPHA, NOW);
        const filling = tx.db.insertInto("unusable_answers").values(large).execute();
        assert.equal(await troubleOf(filling), "full");
        await writeContinuity(tx, BETA, NOW);
      }),
    );
    assert.equal(kind, "ended" satisfies TroubleKind);
    await sql`pragma max_page_count = 100000`.execute(store.db);
    for (const one of [ALPHA, BETA]) assert.equal(await readContinuity(store, one), undefined);
    await writeContinuity(store, BETA, NOW);
  });

  test(`${where}: what was asked before the end is done, and it ends once`, async () => {
    const path = await newFile();
    const store = await migrated(await open({ engine: "sqlite", path }));
    const writing = writeContinuity(store, ALPHA, NOW);
    await store.transaction(async (tx) => writeContinuity(tx, BETA, NOW));
    await Promise.all([writing, store[Symbol.asyncDispose]()]);
    await store[Symbol.asyncDispose]();
    await assert.rejects(readContinuity(store, ALPHA), /destroyed/);
    await using again = await openStore({ engine: "sqlite", path });
    for (const one of [ALPHA, BETA]) assert.deepEqual(await readContinuity(again, one), NOW);
  });
}

test("a file that cannot be opened is named", async () => {
  const path = join(await newFile(), "nowhere.db");
  assert.equal(await troubleOf(openServingStore({ engine: "sqlite", path })), "file");
});

test("a reader does not wait for a transaction, and sees what was committed last", async () => {
  await using store = await migrated(
    await openServingStore({ engine: "sqlite", path: await newFile() }),
  );
  const go = Promise.withResolvers<undefined>();
  const writing = store.transaction(async (tx) => {
    await writeContinuity(tx, ALPHA, NOW);
    assert.deepEqual(await readContinuity(tx, ALPHA), NOW);
    await go.promise;
  });
  await sleep(50);
  assert.equal(await readContinuity(store, ALPHA), undefined);
  go.resolve(undefined);
  await writing;
  assert.deepEqual(await readContinuity(store, ALPHA), NOW);
});

test("a lock of another process holds neither the event loop nor readers", async () => {
  const path = await newFile();
  await using store = await migrated(await openServingStore({ engine: "sqlite", path }));
  await writeContinuity(store, ALPHA, NOW);
  using other = new DatabaseSync(path);
  other.exec("begin immediate");
  const writing = writeContinuity(store, BETA, NOW);
  let [longest, last] = [0, performance.now()];
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  for (let time = 0; time < 10; time += 1) {
    await sleep(100);
    assert.deepEqual(await readContinuity(store, ALPHA), NOW);
  }
  clearInterval(beat);
  assert(longest < 500, `${String(longest)} ms`);
  other.exec("rollback");
  await writing;
  assert.deepEqual(await readContinuity(store, BETA), NOW);
});

test("a thread that dies within a transaction: nothing of it is done, and the next has another thread", async () => {
  await using store = await mortalStore();
  const dying = store.transaction(async (tx) => {
    await writeContinuity(tx, ALPHA, NOW);
    await sql.raw(DIE).execute(tx.db);
  });
  const next = store.transaction(async (tx) => writeContinuity(tx, BETA, NOW));
  assert.equal(await troubleOf(dying), "ended");
  await next;
  assert.equal(await readContinuity(store, ALPHA), undefined);
  assert.deepEqual(await readContinuity(store, BETA), NOW);
});

test("a thread that dies at a commit: it is done once, and its caller hears that it may be", async () => {
  await using store = await mortalStore();
  const add = async (tx: Store): Promise<void> => {
    await sql`insert into continuity (domain, last_secure_at) values ('alpha.test', 1)
      on conflict do update set last_secure_at = last_secure_at + 1`.execute(tx.db);
  };
  const dying = store.transaction(async (tx) => {
    await add(tx);
    await sql.raw(DIE_AT_COMMIT).execute(tx.db);
  });
  await assert.rejects(dying, /may be done or not/);
  assert.deepEqual(await readContinuity(store, ALPHA), fromUnixMs(1));
  await store.transaction(add);
  assert.deepEqual(await readContinuity(store, ALPHA), fromUnixMs(2));
});

test("a thread that died with nobody waiting is replaced", async () => {
  await using store = await mortalStore();
  assert.equal(await troubleOf(sql.raw(DIE).execute(store.db)), "ended");
  await writeContinuity(store, ALPHA, NOW);
  assert.deepEqual(await readContinuity(store, ALPHA), NOW);
});
