import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { alias, alice, old, opened, withAlice } from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { DAY } from "../base/time.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { findKey, listKeys } from "./key-list.ts";

const bob = addressOf("bob@alpha.test");

for (const { engine, open } of engines()) {
  test(`${engine}: an account lists the keys of its released addresses, and none of earlier owners`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const password = old();
    await enrol(deps, { address: bob, custody: "unlocks-at-login", profile: "compat", password });
    {
      using masterKey = await opened(deps, old());
      await came(addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey), "added");
    }
    const released = await findPublished(store, alias);
    assert(released);
    await came(removeAlias(deps, idOf(alice), alias, undefined), "released");
    deps.clock.advance(31 * DAY);
    await came(addAlias(deps, deps.keyRules, idOf(bob), alias, undefined), "added");

    const ofAlice = await listKeys(deps, idOf(alice));
    assert.deepEqual(
      ofAlice.map(({ address }) => address.local),
      [alice.local, alias.local],
    );
    assert.equal(ofAlice[1]?.fingerprint, released.fingerprint);
    const ofBob = await listKeys(deps, idOf(bob));
    assert.deepEqual(
      ofBob.map(({ address }) => address.local),
      [bob.local],
    );
    assert.equal(await findKey(deps, idOf(bob), alias), undefined);
  });
}
