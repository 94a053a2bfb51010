import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { engines } from "../../../test/support/engines.ts";
import { alice, bob, now } from "../../../test/support/published.ts";
import { publishKey } from "../../../test/support/test-keyserver.ts";
import { findAccountUsing, insertAccount } from "./accounts.ts";
import { insertAlias, releaseAlias } from "./addresses.ts";
import { readStanding } from "./standing.ts";

const alias = addressOf("a.lice@alpha.test");
const released = addressOf("former@alpha.test");

for (const { engine, open } of engines()) {
  test(`${engine}: an account stands with the addresses that it uses, and what is published for each`, async () => {
    await using store = await open();
    const id = idOf(alice);
    assert.equal(await readStanding(store, id), undefined);
    const account = {
      id,
      address: alice,
      custody: "provider-usable",
      policy: undefined,
      createdAt: now,
      mailboxKey: "same",
    } as const;
    await insertAccount(store, account);
    for (const address of [alias, released]) {
      await insertAlias(store, id, { address, createdAt: now });
    }
    await releaseAlias(store, id, released, now);
    const { fingerprint } = await publishKey(store, "alice@alpha.test");
    await publishKey(store, "a.lice@alpha.test", { isRevoked: true });
    assert.deepEqual(await readStanding(store, id), {
      account,
      hasRules: false,
      said: { generation: 0, entry: undefined },
      addresses: [
        { address: alice, published: { fingerprint }, part: "full" },
        { address: alias, published: undefined, part: "full" },
      ],
    });
    for (const address of [alice, alias, addressOf("A.LICE@alpha.test")]) {
      assert.deepEqual(await findAccountUsing(store, address), account);
    }
    for (const address of [released, bob]) {
      assert.equal(await findAccountUsing(store, address), undefined);
    }
  });
}
