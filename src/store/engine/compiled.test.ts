import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../../test/support/engines.ts";
import { compiled, picked } from "./compiled.ts";

type Attempts = { readonly key: string; readonly window_start: number; readonly count: number };

const insert = compiled((db, row: Attempts) =>
  db.insertInto("attempts").values(picked(row, ["key", "window_start", "count"])),
);

const select = compiled((db, { key, least }: { readonly key: string; readonly least: number }) =>
  db.selectFrom("attempts").select("count").where("key", "=", key).where("count", ">=", least),
);

for (const { engine, open } of engines()) {
  test(`${engine}: a compiled query runs with the values of each run, in a transaction too`, async () => {
    await using store = await open();
    for (const count of [1, 2]) {
      const row = { key: `k${String(count)}`, window_start: 0, count };
      assert.deepEqual(await insert(store, row).execute(), []);
    }
    const one = await select(store, { key: "k1", least: 0 }).executeTakeFirst();
    assert.equal(one?.count, 1);
    assert.equal(await select(store, { key: "k1", least: 2 }).executeTakeFirst(), undefined);
    await store.transaction(async (tx) => {
      assert.throws(() => store.db, /inside a transaction/);
      assert.equal((await select(tx, { key: "k2", least: 2 }).execute()).length, 1);
      await assert.rejects(
        select(store, { key: "k2", least: 2 }).execute(),
        /inside a transaction/,
      );
    });
  });

  test(`${engine}: a query is built once, for its engine`, async () => {
    await using store = await open();
    const built: string[] = [];
    const query = compiled((db, { key }: { readonly key: string }, of) => {
      built.push(of);
      return db.selectFrom("attempts").select("count").where("key", "=", key);
    });
    for (const key of ["a", "b"]) await query(store, { key }).execute();
    assert.deepEqual(built, [engine]);
  });

  test(`${engine}: a query is refused that a value decides on, and a run without a value`, async () => {
    await using store = await open();
    const decided = compiled((db, { isAll }: { readonly isAll: boolean }) =>
      isAll ? db.selectFrom("attempts").select("key") : db.selectFrom("attempts").select("key"),
    );
    assert.throws(() => decided(store, { isAll: false }), /does not bind isAll/);
    const made = compiled((db, { key }: { readonly key: string }) =>
      db.selectFrom("attempts").select("count").where("key", "=", `x${key}`),
    );
    assert.throws(() => made(store, { key: "k" }), /the value key is not known/);
    const none = { least: 1 } as { readonly key: string; readonly least: number };
    assert.throws(() => select(store, none), /no value for key/);
  });
}

test("the compiler checks the values and the rows of a compiled query", () => {
  const misused = (store: Parameters<typeof select>[0]) => [
    // @ts-expect-error -- a number is no key
    select(store, { key: 1, least: 0 }),
    // @ts-expect-error -- a value is missing
    select(store, { key: "k" }),
    // @ts-expect-error -- the query selects no such column
    async () => (await select(store, { key: "k", least: 0 }).execute())[0]?.window_start,
  ];
  assert.equal(typeof misused, "function");
});
