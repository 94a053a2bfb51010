/** Somebody who can write to the database writes to the audit log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";
import { fromUnixMs } from "../../src/base/time.ts";
import { Secret } from "../../src/base/secret.ts";
import { renewAuditMacs } from "../../src/journal/audit-macs.ts";
import { appendAudit, appendAuditOnce, isGenuine, listAudit } from "../../src/journal/journal.ts";
import { verifyAudit } from "../../src/journal/verify-audit.ts";
import { auditMacUnder } from "../../src/vault/audit-mac.ts";
import { fixedServiceKeys } from "../support/service-keys.ts";
import { countActions, lastAction } from "../../src/store/journal/audit-actions.ts";
import { readAudit } from "../support/stored-rows.ts";
import type { Store } from "../../src/store/store.ts";
import { fakeClock } from "../support/clock.ts";
import { engines } from "../support/engines.ts";

const clock = fakeClock();
const rootOf = (byte: number) => new Secret(Buffer.alloc(32, byte));
const keyOf = (byte: number) => fixedServiceKeys(rootOf(byte));

async function append(store: Store, action: string): Promise<void> {
  await appendAudit(store, { at: clock.now(), action });
}

/** As a database administrator can: what keeps the log is taken away. */
async function withoutGuards(store: Store): Promise<void> {
  const statements =
    store.engine === "sqlite"
      ? ["no_update", "no_delete", "places_begin_at_one", "one_end_insert", "one_end_delete"].map(
          (name) => `drop trigger audit_${name}`,
        )
      : [
          "alter table audit drop constraint audit_places_begin_at_one",
          "alter table audit_ends drop constraint audit_one_end",
          "drop trigger audit_no_change on audit",
        ];
  for (const statement of statements) await sql.raw(statement).execute(store.db);
}

async function insertRow(store: Store, seq: number, action: string): Promise<void> {
  const row = { seq, at: clock.now().getTime(), action, account: "", detail: "{}" };
  const none = new Uint8Array();
  await store.db
    .insertInto("audit")
    .values({ ...row, previous: none, hash: none })
    .execute();
}

for (const { engine, open } of engines()) {
  test(`${engine}: the database takes no row before the first place, and no other end of a shard`, async () => {
    await using store = await open();
    await append(store, "x");
    for (const seq of [0, -1]) await assert.rejects(insertRow(store, seq, "revocation.alarm"));
    const second = { shard: 65, place: 9, hash: new Uint8Array() };
    await assert.rejects(store.db.insertInto("audit_ends").values(second).execute());
    await assert.rejects(store.db.deleteFrom("audit_ends").execute());
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: a row before the first place shows, and suppresses no warning`, async () => {
    await using store = await open();
    await append(store, "x");
    await withoutGuards(store);
    await insertRow(store, 0, "key.ending");
    assert.deepEqual(await verifyAudit(store), { kind: "broken", seq: 0 });
    assert.equal(await lastAction(store, "key.ending"), 0);
    const from = { at: fromUnixMs(0), afterSeq: -5 };
    assert.equal(await countActions(store, "key.ending", from), 0);
    assert.equal(await appendAuditOnce(store, { at: clock.now(), action: "key.ending" }), true);
  });

  test(`${engine}: an end of no shard neither breaks the log nor counts`, async () => {
    await using store = await open();
    await append(store, "x");
    await withoutGuards(store);
    const second = { shard: 65, place: 9, hash: new Uint8Array([1]) };
    await store.db.insertInto("audit_ends").values(second).execute();
    await append(store, "y");
    assert.equal((await verifyAudit(store)).kind, "intact");
    assert.equal((await Array.fromAsync(listAudit(store))).length, 2);
  });

  test(`${engine}: what is appended without the service key shows, also behind a head that was kept`, async () => {
    await using store = await open();
    store.auditMac = auditMacUnder(keyOf(1));
    await append(store, "x");
    const kept = await verifyAudit(store);
    assert(kept.kind === "intact");
    // A chain that fits, as anybody can compute it: without a MAC, or with a MAC under another key.
    for (const mac of [undefined, auditMacUnder(keyOf(2))]) {
      store.auditMac = mac;
      await append(store, "forged");
      store.auditMac = auditMacUnder(keyOf(1));
      // Nor does what is written behind it vouch for it.
      await append(store, "genuine");
      // Entry 2 is the head that was kept.
      assert.deepEqual(await verifyAudit(store, kept), { kind: "forged", seq: 3 });
    }
  });

  test(`${engine}: a MAC is of its place`, async () => {
    await using store = await open();
    store.auditMac = auditMacUnder(keyOf(1));
    await append(store, "x");
    await append(store, "y");
    const [mac] = await store.db
      .selectFrom("audit_macs")
      .selectAll()
      .where("seq", "=", 1)
      .execute();
    assert(mac);
    await store.db.updateTable("audit_macs").set({ mac: mac.mac }).where("seq", "=", 2).execute();
    assert.deepEqual(await verifyAudit(store), { kind: "forged", seq: 2 });
  });

  test(`${engine}: an entry under a service key that is not here counts only where an operator says that it is lost`, async () => {
    await using store = await open();
    store.auditMac = auditMacUnder(keyOf(1));
    await append(store, "x");
    const row = await readAudit(store, 1);
    assert(row);
    assert.equal(await isGenuine(store, row), true);
    store.auditMac = auditMacUnder(keyOf(2));
    assert.equal(await isGenuine(store, row), false);
    store.auditMac = auditMacUnder(keyOf(2), true);
    assert.equal(await isGenuine(store, row), true);
    assert.equal(await isGenuine(store, { ...row, serviceKey: "" }), false);
    assert.equal(await isGenuine(store, { ...row, detail: '{"generation":9}' }), false);
    assert.deepEqual(await verifyAudit(store), { kind: "forged", seq: 1 });
  });

  test(`${engine}: an entry whose MAC was taken away is forged, the first ones too`, async () => {
    await using store = await open();
    store.auditMac = auditMacUnder(keyOf(1));
    await append(store, "x");
    const row = await readAudit(store, 1);
    assert(row);
    await store.db.deleteFrom("audit_macs").execute();
    const without = await readAudit(store, 1);
    assert(without);
    assert.deepEqual([await isGenuine(store, row), await isGenuine(store, without)], [true, false]);
    assert.deepEqual(await verifyAudit(store), { kind: "forged", seq: 1 });
    // Nor does the program vouch for it with what it appends.
    await append(store, "genuine");
    assert.deepEqual(await verifyAudit(store), { kind: "forged", seq: 1 });
    // Who does not hold the service key can tell nothing.
    store.auditMac = undefined;
    assert.equal(await isGenuine(store, without), true);
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: after the service key was replaced the log verifies, and the former key is not needed`, async () => {
    await using store = await open();
    store.auditMac = auditMacUnder(keyOf(1));
    await append(store, "x");
    store.auditMac = auditMacUnder(fixedServiceKeys(rootOf(2), rootOf(1)));
    await append(store, "service-key.rotated");
    assert.equal((await verifyAudit(store)).kind, "intact");
    assert.equal(await renewAuditMacs(store), 1);
    store.auditMac = auditMacUnder(keyOf(2));
    assert.equal((await verifyAudit(store)).kind, "intact");
  });
}
