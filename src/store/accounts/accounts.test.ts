import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import { alice, bob, now } from "../../../test/support/published.ts";
import { parseDomain } from "../../mail/address.ts";
import { newAccountId } from "../../words/account.ts";
import {
  insertAccount,
  readAccount,
  updateAccount,
  updatePolicy,
  walkAccounts,
} from "./accounts.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: an account is added once, whatever the case of its address`, async () => {
    await using store = await open();
    const account = {
      id: idOf(alice),
      address: alice,
      custody: "provider-usable",
      policy: undefined,
      createdAt: now,
      mailboxKey: "same",
    } as const;
    assert.equal(await insertAccount(store, account), true);
    assert.equal(
      await insertAccount(store, {
        ...account,
        id: newAccountId(),
        address: addressOf("ALICE@alpha.test"),
      }),
      false,
    );
    assert.deepEqual(
      (await readAccount(store, idOf(addressOf("alice@alpha.test"))))?.account,
      account,
    );
    await updatePolicy(store, idOf(alice), "require");
    assert.equal((await readAccount(store, idOf(alice)))?.account.policy, "require");
    for (const language of ["de", "fr", null] as const) {
      await updateAccount(store, idOf(alice), { language });
      const read = await readAccount(store, idOf(alice));
      assert.equal(read?.account.language, language ?? undefined);
    }
    await insertAccount(store, { ...account, id: idOf(bob), address: bob, language: "fr" });
    assert.equal((await readAccount(store, idOf(bob)))?.account.language, "fr");
    for (const pageSize of [1, 2, 3]) {
      const all = await Array.fromAsync(walkAccounts(store, undefined, pageSize));
      assert.deepEqual(
        all.map((one) => one.address),
        [alice, bob],
      );
    }
    const alpha = parseDomain("alpha.test");
    assert.deepEqual(
      (await Array.fromAsync(walkAccounts(store, alpha))).map((one) => one.address.local),
      ["Alice"],
    );
  });
}
