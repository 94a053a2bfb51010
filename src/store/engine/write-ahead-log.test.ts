/** Which file a process writes to, and what it says when that is no longer the database. */
import assert from "node:assert/strict";
import { mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { guardDatabase } from "../../app/database-guard.ts";
import { openPublishedView } from "../keys/published-view.ts";
import { openStore, type Store } from "../store.ts";
import { migrate } from "./migrate.ts";
import { DatabaseTrouble } from "./trouble.ts";
import { compareLog, processesWithLostLog } from "./write-ahead-log.ts";

async function withFile(work: (store: Store, path: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-log-"));
  try {
    const path = join(dir, "sealpost.db");
    await using store = await openStore({ engine: "sqlite", path });
    await migrate(store);
    await work(store, path);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test("the database and its log are open under their names, and nobody else's to read", async () => {
  await withFile(async (store, path) => {
    assert.deepEqual(store.checkLog(), { kind: "same" });
    for (const file of [path, `${path}-wal`, `${path}-shm`]) {
      assert.equal((await stat(file)).mode & 0o777, 0o600, file);
    }
  });
});

test("once its log was removed the store writes nothing more, and /readyz and the log say so once", async () => {
  await withFile(async (store, path) => {
    const told: (string | undefined)[] = [];
    const events = { databaseChanged: (why: string | undefined) => told.push(why) };
    const blobs = { roomBytes: async () => Promise.resolve(undefined) };
    const guard = guardDatabase({ store, blobs, events }, 0);

    assert.equal((await guard.look()).kind, "good");
    await rm(`${path}-wal`);
    const state = await guard.look();
    assert.match(state.kind === "bad" ? state.why : "", /lost its write-ahead log/);
    await guard.look();
    assert.equal(told.length, 1);
    await assert.rejects(
      store.transaction(async () => Promise.resolve()),
      DatabaseTrouble,
    );
    assert.throws(() => store.db, DatabaseTrouble);
  });
});

test("doctor finds the process that writes to a log without a name", async () => {
  await withFile(async (_store, path) => {
    assert.deepEqual(processesWithLostLog(path), []);
    await rename(`${path}-wal`, `${path}-else`);
    await writeFile(`${path}-wal`, "");
    assert.equal(compareLog(path).kind, "lost");
  });
  await withFile(async (_store, path) => {
    await rm(`${path}-wal`);
    assert.deepEqual(processesWithLostLog(path), [process.pid]);
  });
});

test("a keyserver that lost the file reads the file that has the name now", async () => {
  await withFile(async (store, path) => {
    await using view = openPublishedView({ engine: "sqlite", path });
    assert.equal(view.refresh(), undefined);
    await store[Symbol.asyncDispose]();
    await rename(path, `${path}.old`);
    for (const end of ["-wal", "-shm"]) await rm(`${path}${end}`, { force: true });
    await using other = await openStore({ engine: "sqlite", path });
    await migrate(other);
    assert.match(view.refresh() ?? "", /was removed or replaced/);
    assert.equal(view.refresh(), undefined);
  });
});
