import assert from "node:assert/strict";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { parseAddress } from "../mail/address.ts";
import { newAccountId } from "../words/account.ts";
import { addAccount, findAccount, NO_LOGIN } from "./accounts.ts";

const alice = parseAddress("alice@alpha.test");
const nobody = parseAddress("nobody@alpha.test");
assert(alice);
assert(nobody);

for (const { engine, open } of engines()) {
  test(`${engine}: an account is found by its address, and there is one for each`, async () => {
    await using store = await open();
    const deps = { store, clock: fakeClock() };
    const wanted = { id: newAccountId(), address: alice, custody: "unlocks-at-login" } as const;
    const account = await addAccount(deps, wanted, NO_LOGIN, 1);
    assert.deepEqual(await findAccount(store, alice), account);
    assert.equal(await findAccount(store, nobody), undefined);
    const again = { ...wanted, id: newAccountId() };
    assert.equal(await addAccount(deps, again, NO_LOGIN, 1), undefined);
  });
}
