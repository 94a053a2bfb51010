/** Somebody who can write to the database cuts off what a shard of the audit log ends with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";
import { Secret } from "../../src/base/secret.ts";
import { signHead } from "../../src/journal/audit-heads.ts";
import { appendAudit, HEAD_ACTION } from "../../src/journal/journal.ts";
import { verifyAudit } from "../../src/journal/verify-audit.ts";
import { LAST_SHARD, shardOf } from "../../src/store/journal/audit-shards.ts";
import type { Store } from "../../src/store/store.ts";
import { auditMacUnder } from "../../src/vault/audit-mac.ts";
import { fixedServiceKeys } from "../support/service-keys.ts";
import type { AccountId } from "../../src/words/account.ts";
import { fakeClock } from "../support/clock.ts";
import { engines } from "../support/engines.ts";

const at = fakeClock().now();
const account = "account" as AccountId;
const shard = shardOf(account);

async function append(store: Store, action: string): Promise<void> {
  await appendAudit(store, { at, action, account });
}

/** With the service key, and without the triggers that keep the log. */
async function guardless(open: () => Promise<Store>): Promise<Store> {
  const store = await open();
  store.auditMac = auditMacUnder(fixedServiceKeys(new Secret(Buffer.alloc(32, 1))));
  const statements =
    store.engine === "sqlite"
      ? ["drop trigger audit_no_update", "drop trigger audit_no_delete"]
      : ["drop trigger audit_no_change on audit"];
  for (const statement of statements) await sql.raw(statement).execute(store.db);
  return store;
}

/** Takes the entries from a place on out of a shard, and mends its end. */
async function cut(store: Store, of: number, from: number): Promise<void> {
  const rows = store.db.selectFrom("audit").select("hash").where("shard", "=", of);
  const before = await rows.where("place", "=", from - 1).executeTakeFirst();
  const gone = store.db
    .selectFrom("audit")
    .select("seq")
    .where("shard", "=", of)
    .where("place", ">=", from);
  await store.db.deleteFrom("audit_macs").where("seq", "in", gone).execute();
  await store.db.deleteFrom("audit").where("shard", "=", of).where("place", ">=", from).execute();
  await store.db
    .updateTable("audit_ends")
    .set({ place: from - 1, hash: before?.hash ?? new Uint8Array() })
    .where("shard", "=", of)
    .execute();
}

for (const { engine, open } of engines()) {
  test(`${engine}: the cut end of a shard shows by the head behind it, and no further head is signed`, async () => {
    await using store = await guardless(open);
    await append(store, "x");
    await append(store, "revoked");
    assert.equal((await signHead(store)).kind, "signed");
    await cut(store, shard, 2);
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "broken" });
    assert.equal((await signHead(store)).kind, "refused");
    // Another entry in its place does not hide it.
    await append(store, "y");
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "broken" });
    assert.equal((await signHead(store)).kind, "refused");
    await append(store, "z");
    assert.equal((await signHead(store)).kind, "refused");
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "broken" });
  });

  test(`${engine}: who cuts off the heads as well is found by a head that was kept`, async () => {
    await using store = await guardless(open);
    await append(store, "x");
    await signHead(store);
    await append(store, "revoked");
    const kept = await verifyAudit(store);
    assert(kept.kind === "intact");
    await cut(store, shard, 2);
    await cut(store, LAST_SHARD, 2);
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "intact", rows: 1 });
    assert.deepEqual(await verifyAudit(store, kept), { kind: "rewritten", seq: 2 });
    // As many entries as then, but others.
    await append(store, "y");
    assert.deepEqual(await verifyAudit(store, kept), { kind: "rewritten", seq: 2 });
  });

  test(`${engine}: what is cut off before a head is signed over it leaves no trace`, async () => {
    await using store = await guardless(open);
    await append(store, "x");
    await signHead(store);
    await append(store, "revoked");
    await cut(store, shard, 2);
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "intact", rows: 1 });
  });

  test(`${engine}: a head that was made without the service key is forged, and no head follows it`, async () => {
    await using store = await guardless(open);
    await append(store, "x");
    const genuine = await signHead(store);
    await append(store, "y");
    const { auditMac } = store;
    store.auditMac = undefined;
    await signHead(store);
    store.auditMac = auditMac;
    const rows = store.db.selectFrom("audit").select("seq").where("action", "=", HEAD_ACTION);
    const forged = (await rows.orderBy("seq", "desc").executeTakeFirstOrThrow()).seq;
    assert.deepEqual(await verifyAudit(store), { kind: "forged", seq: forged });
    await append(store, "z");
    assert.equal((await signHead(store)).head.number, genuine.head.number + 1);
    assert.deepEqual(await verifyAudit(store), { kind: "forged", seq: forged });
  });

  test(`${engine}: a host without the service key in force signs no head beside those of the others`, async () => {
    await using store = await guardless(open);
    await append(store, "x");
    await signHead(store);
    const rootOf = (byte: number) => new Secret(Buffer.alloc(32, byte));
    const far = store.auditMac;
    const near = auditMacUnder(fixedServiceKeys(rootOf(2), rootOf(1)));
    store.auditMac = near;
    await append(store, "service-key.rotated");
    await signHead(store);
    store.auditMac = far;
    await append(store, "y");
    assert.equal((await signHead(store)).kind, "refused");
    store.auditMac = near;
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "intact", rows: 3 });
  });

  test(`${engine}: an entry in the shard of others shows`, async () => {
    await using store = await guardless(open);
    await append(store, "x");
    await store.db
      .updateTable("audit")
      .set({ account: "another" })
      .where("account", "=", account)
      .execute();
    assert.partialDeepStrictEqual(await verifyAudit(store), { kind: "broken" });
  });
}
