import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { LAST_SHARD, shardOf } from "../store/journal/audit-shards.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { signHead } from "./audit-heads.ts";
import { appendAudit, HEAD_ACTION, listAudit } from "./journal.ts";
import { verifyAudit } from "./verify-audit.ts";

const at = fakeClock().now();
const accounts = Array.from({ length: 12 }, (_, number) => `account-${number}` as AccountId);

/** Runs what another process does, outside of the transaction that is open here. */
const outside = AsyncResource.bind(async (work: () => Promise<void>) => work());

async function fill(store: Store): Promise<void> {
  await Promise.all(
    [...accounts, undefined].map(async (account) =>
      appendAudit(store, { at, action: "x", account }),
    ),
  );
}

async function heads(store: Store): Promise<number> {
  const rows = await store.db
    .selectFrom("audit")
    .select("seq")
    .where("action", "=", HEAD_ACTION)
    .execute();
  return rows.length;
}

for (const { engine, open } of engines()) {
  test(`${engine}: a head is about all shards, is written once, and is not listed`, async () => {
    await using store = await open();
    assert.partialDeepStrictEqual(await signHead(store), { kind: "signed", head: { rows: 0 } });
    assert.equal(await heads(store), 0);
    await fill(store);
    const signed = await Promise.all([1, 2, 3].map(async () => signHead(store)));
    for (const one of signed) {
      assert.partialDeepStrictEqual(one, { kind: "signed", head: { number: 1, rows: 13 } });
    }
    assert.equal(await heads(store), 1);
    await fill(store);
    assert.partialDeepStrictEqual(await signHead(store), { head: { number: 2, rows: 26 } });
    assert.equal((await Array.fromAsync(listAudit(store))).length, 26);
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "intact", rows: 26 });
    assert.equal(await heads(store), 2);
  });

  test(`${engine}: an entry is in the shard of its account, where its number grows with its place`, async () => {
    await using store = await open();
    await fill(store);
    await fill(store);
    const rows = await store.db.selectFrom("audit").selectAll().orderBy("shard").execute();
    for (const { account, shard } of rows) assert.equal(shard, shardOf(account));
    assert.equal(rows.at(-1)?.shard, LAST_SHARD);
    assert(new Set(rows.map(({ shard }) => shard)).size > 6);
    for (const shard of new Set(rows.map((row) => row.shard))) {
      const own = rows.filter((row) => row.shard === shard).toSorted((a, b) => a.place - b.place);
      assert.deepEqual(
        own.map(({ place }) => place),
        own.map((_row, index) => index + 1),
      );
      assert.deepEqual(
        own.map(({ seq }) => seq),
        own.map(({ seq }) => seq).toSorted((a, b) => a - b),
      );
    }
  });

  // SQLite has one writer.
  if (engine === "sqlite") continue;

  test(`${engine}: whoever appends for one account does not wait for another account`, async () => {
    await using store = await open();
    const [one, other] = accounts;
    assert(one !== undefined && other !== undefined && shardOf(one) !== shardOf(other));
    await store.transaction(async (tx) => {
      await appendAudit(tx, { at, action: "held", account: one });
      await outside(async () => appendAudit(store, { at, action: "free", account: other }));
    });
    const actions = (await Array.fromAsync(listAudit(store))).map(({ action }) => action);
    assert.deepEqual(actions, ["held", "free"]);
  });
}
