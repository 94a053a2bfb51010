import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { sql } from "kysely";

import { engines } from "../../test/support/engines.ts";
import { fromUnixMs } from "../base/time.ts";
import { parseDomain } from "../mail/address.ts";
import { readContinuity, writeContinuity } from "./discovery/cache.ts";
import { isMigrated, migrate } from "./engine/migrate.ts";
import { openStore } from "./store.ts";

const now = fromUnixMs(1_800_000_000_000);

function domain(text: string) {
  const parsed = parseDomain(text);
  assert(parsed);
  return parsed;
}

for (const { engine, open, place } of engines()) {
  test(`${engine}: migrating from several processes at once, and again, is the same as once`, async () => {
    const options = await place();
    const script = `
      import { openStore } from ${JSON.stringify(import.meta.resolve("./store.ts"))};
      import { migrate } from ${JSON.stringify(import.meta.resolve("./engine/migrate.ts"))};
      await using store = await openStore(${JSON.stringify(options)});
      await migrate(store);`;
    const migrateElsewhere = async () =>
      promisify(execFile)(process.execPath, ["--input-type=module-typescript", "-e", script]);
    await Promise.all([migrateElsewhere(), migrateElsewhere(), migrateElsewhere()]);
    await using store = await openStore(options);
    assert.equal(await isMigrated(store), true);
    await migrate(store);
    const rows = await store.db.selectFrom("migrations").select("name").execute();
    assert.equal(new Set(rows.map((row) => row.name)).size, rows.length);
  });

  test(`${engine}: a database without tables is not ready`, async () => {
    await using store = await openStore(await place());
    assert.equal(await isMigrated(store), false);
  });

  test(`${engine}: a transaction does all or nothing, and one inside it belongs to it`, async () => {
    await using store = await open();
    await assert.rejects(
      store.transaction(async (tx) => {
        await writeContinuity(tx, domain("alpha.test"), now);
        await tx.transaction(async (inner) => writeContinuity(inner, domain("beta.test"), now));
        throw new Error("no");
      }),
      /no/,
    );
    assert.equal(await readContinuity(store, domain("alpha.test")), undefined);
    assert.equal(await readContinuity(store, domain("beta.test")), undefined);
    await store.transaction(async (tx) => writeContinuity(tx, domain("alpha.test"), now));
    assert.deepEqual(await readContinuity(store, domain("alpha.test")), now);
  });

  test(`${engine}: the store outside is refused inside its transaction, instead of waiting for ever`, async () => {
    await using store = await open();
    const wrong = store.transaction(async () => writeContinuity(store, domain("alpha.test"), now));
    await assert.rejects(wrong, /only the store that it gives/);
    const alsoWrong = store.transaction(async () => store.transaction(async () => undefined));
    await assert.rejects(alsoWrong, /only the store that it gives/);
    let later: Promise<void> = Promise.resolve();
    await store.transaction(async () => {
      later = new Promise((resolve) => setImmediate(resolve)).then(async () =>
        writeContinuity(store, domain("alpha.test"), now),
      );
    });
    // What was only started inside may run afterwards; here it may come too early, and says so.
    await later.catch((error: unknown) => assert.match(String(error), /only the store/));
  });

  test(`${engine}: transactions that run at the same time wait for one another`, async () => {
    await using store = await open();
    await writeContinuity(store, domain("alpha.test"), fromUnixMs(0));
    const addOne = async (): Promise<void> =>
      store.transaction(async (tx) => {
        await sql`update continuity set last_secure_at = last_secure_at + 1`.execute(tx.db);
        await new Promise((resolve) => setImmediate(resolve));
        await sql`update continuity set last_secure_at = last_secure_at + 1`.execute(tx.db);
      });
    await Promise.all(Array.from({ length: 20 }, addOne));
    assert.deepEqual(await readContinuity(store, domain("alpha.test")), fromUnixMs(40));
  });

  test(`${engine}: a read-only store sees each commit and can change nothing`, async () => {
    const options = await place();
    await using writer = await openStore(options);
    await migrate(writer);
    await using reader = await openStore({ ...options, readOnly: true });
    assert.equal(await isMigrated(reader), true);
    await writeContinuity(writer, domain("alpha.test"), now);
    assert.deepEqual(await readContinuity(reader, domain("alpha.test")), now);
    await assert.rejects(writeContinuity(reader, domain("beta.test"), now), /read-?only/);
  });

  test(`${engine}: all columns but keys have a default and none may be NULL`, async () => {
    await using store = await open();
    for (const table of await store.db.introspection.getTables()) {
      for (const column of table.columns) {
        assert.equal(column.isNullable, false, `${table.name}.${column.name}`);
      }
    }
  });
}

test("SQLite keeps its promises: WAL, full sync, overwritten on delete, foreign keys, strict tables, private file", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  const options = await sqlite.place();
  assert(options.engine === "sqlite");
  await using store = await openStore(options);
  await migrate(store);
  const pragma = async (name: string): Promise<unknown> => {
    const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(store.db);
    return Object.values(rows[0] ?? {})[0];
  };
  assert.equal(await pragma("journal_mode"), "wal");
  assert.equal(await pragma("synchronous"), 2);
  assert.equal(await pragma("secure_delete"), 1);
  assert.equal(await pragma("foreign_keys"), 1);
  assert.equal(await pragma("busy_timeout"), 5000);
  const tables = await sql<{ name: string; strict: number }>`
    select name, strict from pragma_table_list where type = 'table' and name not like 'sqlite_%'
      and name not in ('migrations')`.execute(store.db);
  assert(tables.rows.length >= 15);
  for (const { name, strict } of tables.rows) assert.equal(strict, 1, name);
  assert.equal(statSync(options.path).mode & 0o077, 0);
});

test("a SQLite commit survives the death of its process by SIGKILL", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  const options = await sqlite.place();
  assert(options.engine === "sqlite");
  {
    await using store = await openStore(options);
    await migrate(store);
  }
  const script = `
    import { openStore } from ${JSON.stringify(import.meta.resolve("./store.ts"))};
    const store = await openStore(${JSON.stringify(options)});
    await store.db.insertInto("continuity").values({ domain: "alpha.test", last_secure_at: 7 }).execute();
    process.kill(process.pid, "SIGKILL");`;
  const child = spawnSync(process.execPath, ["--input-type=module-typescript", "-e", script]);
  assert.equal(child.signal, "SIGKILL", child.stderr.toString());
  await using store = await openStore(options);
  assert.deepEqual(await readContinuity(store, domain("alpha.test")), fromUnixMs(7));
});

test("what was purged is neither in SQLite's file nor in its log", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  const options = await sqlite.place();
  assert(options.engine === "sqlite");
  await using store = await openStore(options);
  await migrate(store);
  const { purgeCache, writeCache } = await import("./discovery/cache.ts");
  const { parseAddress } = await import("../mail/address.ts");
  const address = parseAddress("bob@beta.test");
  assert(address);
  const canary = "canary-certificate-bytes-".repeat(400);
  await writeCache(store, {
    address,
    certificate: Buffer.from(canary),
    keyserver: "keys.beta.test",
    fetchedAt: fromUnixMs(0),
    freshUntil: fromUnixMs(1),
    endsAt: undefined,
  });
  const holds = (): boolean =>
    ["", "-wal"].some(
      (end) =>
        existsSync(options.path + end) &&
        readFileSync(options.path + end).includes("canary-certificate-bytes"),
    );
  assert(holds());
  assert.equal(await purgeCache(store, now), 1);
  assert(!holds());
});
