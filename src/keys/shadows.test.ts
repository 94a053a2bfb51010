import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../test/support/engines.ts";
import { enrol, haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf, alice, depsFor } from "../../test/support/key-life.ts";
import { addAlias } from "./alias.ts";
import { renameAccount } from "./rename.ts";

const bob = addressOf("bob@alpha.test");
const sub = addressOf("Alice+ceo@alpha.test");

for (const { engine, open } of engines()) {
  test(`${engine}: nobody gets a subaddress of somebody else's address, as account, alias or new name`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, alice, bob);
    const rules = { profile: "compat" } as const;
    const wanted = { ...rules, address: sub, custody: "user-device-only" } as const;
    await assert.rejects(enrol(deps, wanted), /goes to alice@alpha\.test/i);
    await assert.rejects(addAlias(deps, rules, idOf(bob), sub, undefined), /goes to alice@/i);
    await assert.rejects(
      renameAccount(deps, deps.keyRules, idOf(bob), sub, undefined),
      /goes to alice@/i,
    );
    await addAlias(deps, rules, idOf(alice), sub, undefined);
  });

  test(`${engine}: nobody gets an address whose subaddress is somebody else's, and its owner does`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, sub, bob);
    const rules = { profile: "compat" } as const;
    const wanted = { ...rules, address: alice, custody: "user-device-only" } as const;
    await assert.rejects(enrol(deps, wanted), /somebody else's address/);
    await assert.rejects(
      addAlias(deps, rules, idOf(bob), alice, undefined),
      /somebody else's address/,
    );
    await addAlias(deps, rules, idOf(sub), alice, undefined);
    const near = addressOf("alic@alpha.test");
    await addAlias(deps, rules, idOf(bob), near, undefined);
    const wild = addressOf("al%ce@alpha.test");
    await addAlias(deps, rules, idOf(bob), wild, undefined);
  });
}
