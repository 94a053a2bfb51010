import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { alias, alice } from "../../test/support/key-life.ts";
import { listAuditNamed } from "./audit-list.ts";
import { appendAudit } from "./journal.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: the audit log is listed with the addresses of accounts that are here`, async () => {
    await using store = await open();
    await haveAccounts(store, alice);
    const at = fakeClock().now();
    for (const account of [idOf(alice), idOf(alias), undefined, idOf(alice)]) {
      await appendAudit(store, { at, action: "x", account });
    }
    const names = async (of?: ReturnType<typeof idOf>) =>
      (await Array.fromAsync(listAuditNamed(store, of))).map(({ address }) => address);
    assert.deepEqual(await names(), ["alice@alpha.test", undefined, undefined, "alice@alpha.test"]);
    assert.deepEqual(await names(idOf(alias)), [undefined]);
  });
}
