import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY } from "../base/time.ts";
import { formatAddress } from "../mail/address.ts";
import { engines } from "../../test/support/engines.ts";
import { enrol, haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf, alice, depsFor } from "../../test/support/key-life.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { eraseByLaw } from "./end-account.ts";
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

  test(`${engine}: for thirty days nobody else gets what would read the mail of a released address`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const owner = addressOf("owner@alpha.test");
    const [dana, danaSub] = [addressOf("dana@alpha.test"), addressOf("dana+x@alpha.test")];
    const [eve, eveSub] = [addressOf("eve@alpha.test"), addressOf("eve+x@alpha.test")];
    await haveAccounts(store, owner, bob, dana, eveSub);
    const rules = { profile: "compat" } as const;
    await addAlias(deps, rules, idOf(owner), alice, undefined);
    await removeAlias(deps, idOf(owner), alice, undefined);
    const carolSub = addressOf("carol+x@alpha.test");
    await addAlias(deps, rules, idOf(owner), carolSub, undefined);
    await removeAlias(deps, idOf(owner), carolSub, undefined);
    await eraseByLaw(deps, idOf(dana));
    await eraseByLaw(deps, idOf(eveSub));
    // Mail for the one went to who had the other, or would go there now.
    const takes = [sub, addressOf("carol@alpha.test"), danaSub, eve];
    for (const taken of takes) {
      const take = addAlias(deps, rules, idOf(bob), taken, undefined);
      await assert.rejects(take, /less than 30 days ago/, formatAddress(taken));
    }
    await addAlias(deps, rules, idOf(owner), sub, undefined);
    await removeAlias(deps, idOf(owner), sub, undefined);
    deps.clock.advance(31 * DAY);
    for (const taken of takes) await addAlias(deps, rules, idOf(bob), taken, undefined);
  });
}
