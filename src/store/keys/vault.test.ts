import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import { now } from "../../../test/support/published.ts";
import { listAccountsWithoutKeys, updateAccount } from "../accounts/accounts.ts";
import { deleteMasterKey, insertMasterKey, parkMasterKey } from "./vault.ts";

const address = addressOf("ada@alpha.test");
const owner = idOf(address);

for (const { engine, open } of engines()) {
  test(`${engine}: an account is without keys until it has a current master key, and again when that goes`, async () => {
    await using store = await open();
    await haveAccounts(store, address);
    await updateAccount(store, owner, { custody: "unlocks-at-login" });
    const isWithout = async (): Promise<boolean> =>
      (await listAccountsWithoutKeys(store, 10)).length === 1;
    assert.equal(await isWithout(), true);
    await insertMasterKey(store, { id: "first", owner, createdAt: now });
    assert.equal(await isWithout(), false);
    await parkMasterKey(store, "first");
    assert.equal(await isWithout(), true);
    await insertMasterKey(store, { id: "second", owner, createdAt: now });
    await deleteMasterKey(store, "first");
    assert.equal(await isWithout(), false);
    await deleteMasterKey(store, "second");
    assert.equal(await isWithout(), true);
  });
}
