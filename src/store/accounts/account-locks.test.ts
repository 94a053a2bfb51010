import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../../test/support/accounts.ts";
import { engines } from "../../../test/support/engines.ts";
import { fromUnixMs } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { holdAccount, lockAccount } from "./account-locks.ts";
import { insertAccount, readAccount, updateAccount } from "./accounts.ts";

const now = fromUnixMs(1_800_000_000_000);
const alice = parseAddress("alice@alpha.test") ?? assert.fail();
const account = {
  id: idOf(alice),
  address: alice,
  custody: "unlocks-at-login",
  policy: undefined,
  createdAt: now,
  mailboxKey: "same",
} as const;

for (const { engine, open } of engines()) {
  test(`${engine}: a hold says whether the account is open, closed or gone`, async () => {
    await using store = await open();
    const held = async () => store.transaction(async (tx) => holdAccount(tx, idOf(alice)));
    assert.equal(await held(), undefined);
    await insertAccount(store, account);
    assert.equal(await held(), "open");
    await updateAccount(store, idOf(alice), { closedAt: now });
    assert.equal(await held(), "closed");
  });

  test(`${engine}: of two events of one account the second sees what the first changed`, async () => {
    await using store = await open();
    assert.equal(await store.transaction(async (tx) => lockAccount(tx, idOf(alice))), false);
    await insertAccount(store, account);
    const event = async (): Promise<string | undefined> =>
      store.transaction(async (tx) => {
        assert.equal(await lockAccount(tx, idOf(alice)), true);
        const seen = (await readAccount(tx, idOf(alice)))?.account.mailboxKey;
        await updateAccount(tx, idOf(alice), { mailboxKey: "separate" });
        return seen;
      });
    const seen = await Promise.all([event(), event()]);
    assert.deepEqual(new Set(seen), new Set(["same", "separate"]));
  });
}
