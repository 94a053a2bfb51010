import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";

import { idOf } from "../../test/support/accounts.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { DAY, HOUR } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { shardOf } from "../store/journal/audit-shards.ts";
import { purgeTrace } from "../store/journal/trace.ts";
import type { Store } from "../store/store.ts";
import { appendAudit, listAudit } from "./journal.ts";
import { readTrace, recordTrace } from "./trace.ts";
import { verifyAudit } from "./verify-audit.ts";

const clock = fakeClock();
const alice = parseAddress("alice@alpha.test") ?? assert.fail();

async function fill(store: Store, rows: number): Promise<void> {
  for (let row = 1; row <= rows; row += 1) {
    await appendAudit(store, {
      at: clock.now(),
      action: "key.created",
      account: idOf(alice),
      detail: { row },
    });
  }
}

for (const { engine, open } of engines()) {
  test(`${engine}: an untouched audit log is intact, also when it was written at once`, async () => {
    await using store = await open();
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "intact", rows: 0 });
    await Promise.all(
      Array.from({ length: 30 }, async () => appendAudit(store, { at: clock.now(), action: "x" })),
    );
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "intact", rows: 30 });
    const [check] = await Promise.all([verifyAudit(store), fill(store, 10)]);
    assert.equal(check.kind, "intact");
  });

  test(`${engine}: entries have the time at which they are written, so that their times are in order`, async () => {
    await using store = await open();
    const now = fakeClock();
    store.auditClock = now;
    // A key is made before the transaction that adds its account begins.
    const madeAt = now.now();
    now.advance(HOUR);
    await store.transaction(async (tx) => {
      await appendAudit(tx, { at: now.now(), action: "account.added", account: idOf(alice) });
      await appendAudit(tx, { at: madeAt, action: "key.created", account: idOf(alice) });
    });
    const entries = await Array.fromAsync(listAudit(store));
    assert.deepEqual(
      entries.map(({ action, at }) => [action, at]),
      [
        ["account.added", now.now()],
        ["key.created", now.now()],
      ],
    );
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: a change, a gap and a cut end of the audit log show`, async () => {
    await using changed = await open();
    await fill(changed, 5);
    await withoutGuards(changed);
    await changed.db.updateTable("audit").set({ detail: "{}" }).where("seq", "=", 3).execute();
    assert.deepEqual(await verifyAudit(changed), { kind: "broken", seq: 3 });

    await using gap = await open();
    await fill(gap, 5);
    await withoutGuards(gap);
    await gap.db.deleteFrom("audit").where("seq", "=", 2).execute();
    assert.deepEqual(await verifyAudit(gap), { kind: "broken", seq: 2 });

    await using cut = await open();
    await fill(cut, 5);
    await withoutGuards(cut);
    await cut.db.deleteFrom("audit").where("seq", "=", 5).execute();
    assert.deepEqual(await verifyAudit(cut), { kind: "broken", seq: 5 });

    await using replaced = await open();
    await fill(replaced, 2);
    const shard = shardOf(idOf(alice));
    const ends = replaced.db.selectFrom("audit_ends").selectAll().where("shard", "=", shard);
    const end = await ends.executeTakeFirstOrThrow();
    await fill(replaced, 1);
    await replaced.db.updateTable("audit_ends").set(end).where("shard", "=", shard).execute();
    assert.deepEqual(await verifyAudit(replaced), { kind: "broken", seq: 3 });
  });

  test(`${engine}: an audit log that was written anew as a whole shows by what was kept of it`, async () => {
    await using store = await open();
    await fill(store, 3);
    const kept = await verifyAudit(store);
    assert(kept.kind === "intact");
    assert.equal((await verifyAudit(store, kept)).kind, "intact");
    await fill(store, 2);
    assert.partialDeepStrictEqual(await verifyAudit(store, kept), { kind: "intact", rows: 5 });

    await using other = await open();
    await fill(other, 2);
    assert.deepEqual(await verifyAudit(other, kept), { kind: "rewritten", seq: 3 });
    await appendAudit(other, { at: clock.now(), action: "other" });
    assert.deepEqual(await verifyAudit(other, kept), { kind: "rewritten", seq: 3 });
  });

  test(`${engine}: the database itself refuses to change or delete an audit row`, async () => {
    await using store = await open();
    await fill(store, 2);
    await assert.rejects(
      store.db.updateTable("audit").set({ detail: "{}" }).where("seq", "=", 1).execute(),
      /only grows/,
    );
    await assert.rejects(store.db.deleteFrom("audit").execute(), /only grows/);
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: a deed that is rolled back leaves no audit row, and the chain goes on`, async () => {
    await using store = await open();
    await fill(store, 1);
    await assert.rejects(
      store.transaction(async (tx) => {
        await appendAudit(tx, { at: clock.now(), action: "key.revoked" });
        throw new Error("no");
      }),
    );
    await fill(store, 1);
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "intact", rows: 2 });
  });

  test(`${engine}: the audit log lists one account without naming it`, async () => {
    await using store = await open();
    await fill(store, 1);
    await appendAudit(store, { at: clock.now(), action: "other" });
    const all = await Array.fromAsync(listAudit(store));
    assert.deepEqual(
      all.map((one) => one.action),
      ["key.created", "other"],
    );
    const hers = await Array.fromAsync(listAudit(store, idOf(alice)));
    assert.deepEqual(
      hers.map((one) => [one.account, one.detail]),
      [[idOf(alice), { row: 1 }]],
    );
    assert(!JSON.stringify(hers).includes("alice"));
  });

  test(`${engine}: a message's trace is found with and without angle brackets, for thirty days`, async () => {
    await using store = await open();
    const entry = { messageId: "<1@alpha.test>", at: clock.now(), direction: "out" } as const;
    await recordTrace(store, { ...entry, step: "plan", detail: { kind: "seal", recipients: 1 } });
    await recordTrace(store, { ...entry, step: "handed on", detail: { answer: "x".repeat(5000) } });
    const read = await readTrace(store, "1@alpha.test");
    assert.deepEqual(
      read.map((one) => one.step),
      ["plan", "handed on"],
    );
    assert.deepEqual(read[0]?.detail, { kind: "seal", recipients: 1 });
    assert.equal(String(read[1]?.detail["answer"]).length, 1000);
    assert.deepEqual(await readTrace(store, "<1@alpha.test>"), read);
    clock.advance(30 * DAY - 1);
    await purgeTrace(store, clock.now());
    assert.equal((await readTrace(store, "1@alpha.test")).length, 2);
    clock.advance(1);
    await purgeTrace(store, clock.now());
    assert.deepEqual(await readTrace(store, "1@alpha.test"), []);
  });
}

/** As somebody who may do more with the database than Sealpost. */
async function withoutGuards(store: Store): Promise<void> {
  const names = store.engine === "sqlite" ? ["audit_no_update", "audit_no_delete"] : [];
  for (const name of names) await sql.raw(`drop trigger ${name}`).execute(store.db);
  if (store.engine === "postgres") {
    await sql.raw("drop trigger audit_no_change on audit").execute(store.db);
  }
}
