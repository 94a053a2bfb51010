import assert from "node:assert/strict";
import { test } from "node:test";

import { tryToEnrol, haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, depsFor } from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { DAY } from "../base/time.ts";
import { formatAddress } from "../mail/address.ts";
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
    const shadowed = { kind: "address-shadowed", base: addressOf("Alice@alpha.test") };
    assert.deepEqual(await tryToEnrol(deps, wanted), shadowed);
    assert.deepEqual(await addAlias(deps, rules, idOf(bob), sub, undefined), shadowed);
    assert.deepEqual(await renameAccount(deps, deps.keyRules, idOf(bob), sub, undefined), shadowed);
    await came(addAlias(deps, rules, idOf(alice), sub, undefined), "added");
  });

  test(`${engine}: nobody gets an address whose subaddress is somebody else's, and its owner does`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await haveAccounts(store, sub, bob);
    const rules = { profile: "compat" } as const;
    const wanted = { ...rules, address: alice, custody: "user-device-only" } as const;
    const shadows = { kind: "address-shadows", other: sub };
    assert.deepEqual(await tryToEnrol(deps, wanted), shadows);
    assert.deepEqual(await addAlias(deps, rules, idOf(bob), alice, undefined), shadows);
    await came(addAlias(deps, rules, idOf(sub), alice, undefined), "added");
    const near = addressOf("alic@alpha.test");
    await came(addAlias(deps, rules, idOf(bob), near, undefined), "added");
    const wild = addressOf("al%ce@alpha.test");
    await came(addAlias(deps, rules, idOf(bob), wild, undefined), "added");
  });

  test(`${engine}: for thirty days nobody else gets what would read the mail of a released address`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const owner = addressOf("owner@alpha.test");
    const [dana, danaSub] = [addressOf("dana@alpha.test"), addressOf("dana+x@alpha.test")];
    const [eve, eveSub] = [addressOf("eve@alpha.test"), addressOf("eve+x@alpha.test")];
    await haveAccounts(store, owner, bob, dana, eveSub);
    const rules = { profile: "compat" } as const;
    await came(addAlias(deps, rules, idOf(owner), alice, undefined), "added");
    await came(removeAlias(deps, idOf(owner), alice, undefined), "released");
    const carolSub = addressOf("carol+x@alpha.test");
    await came(addAlias(deps, rules, idOf(owner), carolSub, undefined), "added");
    await came(removeAlias(deps, idOf(owner), carolSub, undefined), "released");
    await came(eraseByLaw(deps, idOf(dana)), "erased");
    await came(eraseByLaw(deps, idOf(eveSub)), "erased");
    // Mail for the one went to who had the other, or would go there now.
    const takes = [sub, addressOf("carol@alpha.test"), danaSub, eve];
    for (const taken of takes) {
      const take = await addAlias(deps, rules, idOf(bob), taken, undefined);
      assert.equal(take.kind, "address-reserved", formatAddress(taken));
    }
    await came(addAlias(deps, rules, idOf(owner), sub, undefined), "added");
    await came(removeAlias(deps, idOf(owner), sub, undefined), "released");
    deps.clock.advance(31 * DAY);
    for (const taken of takes)
      await came(addAlias(deps, rules, idOf(bob), taken, undefined), "added");
  });
}
