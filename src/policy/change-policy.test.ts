import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, alias } from "../../test/support/key-life.ts";
import { listAudit } from "../journal/journal.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { changePolicy } from "./change-policy.ts";
import { policyOf } from "./policy.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: a user's policy is changed with one audit row, and not where it is that already`, async () => {
    await using store = await open();
    await haveAccounts(store, alice);
    const deps = { store, clock: fakeClock() };
    const account = idOf(alice);
    const wish = { account, policy: "require", by: "operator" } as const;
    assert.equal(await changePolicy(deps, wish), "changed");
    assert.equal(await changePolicy(deps, wish), "unchanged");
    assert.equal((await readAccount(store, account))?.account.policy, "require");
    assert.equal(await changePolicy(deps, { ...wish, policy: undefined }), "changed");
    assert.equal((await readAccount(store, account))?.account.policy, undefined);
    const entries = await Array.fromAsync(listAudit(store, account));
    assert.deepEqual(
      entries.map(({ action, detail }) => [action, detail]),
      [
        ["policy.changed", { from: "inherit", to: "require", by: "operator" }],
        ["policy.changed", { from: "require", to: "inherit", by: "operator" }],
      ],
    );
  });

  test(`${engine}: the policy of an account that is gone is not changed`, async () => {
    await using store = await open();
    const deps = { store, clock: fakeClock() };
    const wish = { account: idOf(alias), policy: "off", by: "operator" } as const;
    assert.equal(await changePolicy(deps, wish), "gone");
    assert.deepEqual(await Array.fromAsync(listAudit(store)), []);
  });
}

test("an account's policy is its user's own, else its domain's, else the installation's", () => {
  const domains = { "alpha.test": { policy: "prefer-pickup", enforced: false } } as const;
  const settings = { default: "prefer-clear", domains } as const;
  assert.equal(policyOf(settings, { address: alice, policy: "off" }), "off");
  assert.equal(policyOf(settings, { address: alice, policy: undefined }), "prefer-pickup");
  const none = { default: "prefer-clear", domains: {} } as const;
  assert.equal(policyOf(none, { address: alice, policy: undefined }), "prefer-clear");
});
