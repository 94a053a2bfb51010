import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";

import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { appendAudit } from "../journal/journal.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { logHead, signHeads } from "./audit-head-tasks.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: the head that is logged is one that the log can be checked against`, async () => {
    await using store = await open();
    const append = async (): Promise<void> =>
      appendAudit(store, { at: fakeClock().now(), action: "x" });
    await append();
    const logged: { readonly rows: number; readonly hash: string }[] = [];
    await logHead({ store, events: { auditHead: (head) => logged.push(head) } }).run();
    await append();
    const [first] = logged;
    assert(first);
    const kept = { rows: first.rows, head: first.hash };
    assert.partialDeepStrictEqual(await verifyAudit(store, kept), { kind: "intact", rows: 2 });
    const other = { ...kept, head: "00".repeat(32) };
    assert.deepEqual(await verifyAudit(store, other), { kind: "rewritten", seq: 1 });
  });

  test(`${engine}: a gateway tells once that no head can be signed`, async () => {
    await using store = await open();
    await appendAudit(store, { at: fakeClock().now(), action: "x" });
    const task = signHeads({ store });
    await task.run();
    const trigger = engine === "sqlite" ? "audit_no_update" : "audit_no_change on audit";
    await sql.raw(`drop trigger ${trigger}`).execute(store.db);
    const other = new Uint8Array([1]);
    await store.db.updateTable("audit").set({ hash: other }).where("seq", "=", 1).execute();
    await appendAudit(store, { at: fakeClock().now(), action: "y" });
    await assert.rejects(async () => task.run(), /no head of the audit log is signed/);
    await task.run();
  });
}
