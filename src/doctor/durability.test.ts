/** What the doctor says of a database that would lose what it took. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { sql } from "kysely";

import { engines } from "../../test/support/engines.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openStore } from "../store/store.ts";
import { judgeDurability } from "./durability.ts";

const [sqlite = assert.fail(), postgres = assert.fail()] = engines();

test("postgres: synchronous_commit off is a failure", async () => {
  const place = await postgres.place();
  {
    await using store = await openStore(place);
    assert.deepEqual(
      (await judgeDurability(store)).map(({ result }) => result),
      ["ok"],
    );
    await sql`do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`.execute(
      store.db,
    );
  }
  await using store = await openStore(place);
  const [judgement] = await judgeDurability(store);
  assert.equal(judgement?.result, "fail");
  assert.match(judgement.todo, /synchronous_commit = on/);
});

test("sqlite: the room on the disk is said, and a process that lost the log is named", async () => {
  const place = await sqlite.place();
  assert(place.engine === "sqlite");
  await using store = await openStore(place);
  await migrate(store);
  const room = (await judgeDurability(store)).at(-1);
  assert.match(room?.title ?? "", /MiB are left on the disk/);
  await rm(`${place.path}-wal`);
  const [lost] = await judgeDurability(store);
  assert.equal(lost?.result, "fail");
  assert.match(lost.title, new RegExp(`process ${String(process.pid)} writes to a file`));
});
