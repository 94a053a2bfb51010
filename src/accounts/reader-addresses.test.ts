import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { after, fromUnixMs, HOUR } from "../base/time.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { insertAccount } from "../store/accounts/accounts.ts";
import { insertAlias, releaseAlias } from "../store/accounts/addresses.ts";
import type { Store } from "../store/store.ts";
import { NO_LOGIN } from "./accounts.ts";
import { isReadersAddress } from "./reader-addresses.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const ROSA = address("rosa@beta.test");

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

async function addAccount(store: Store, of: EmailAddress): Promise<void> {
  const account = {
    id: idOf(of),
    address: of,
    custody: "unlocks-at-login",
    policy: undefined,
    createdAt: NOW,
    mailboxKey: "same",
  } as const;
  await insertAccount(store, account, NO_LOGIN);
}

for (const { engine, open } of engines()) {
  test(`${engine}: a reader is meant by address, alias, free subaddress, and by what was theirs when it was signed`, async () => {
    await using store = await open();
    await addAccount(store, ROSA);
    await addAccount(store, address("rosa+ceo@beta.test"));
    await insertAlias(store, idOf(ROSA), { address: address("info@beta.test"), createdAt: NOW });
    const released = address("old@beta.test");
    await insertAlias(store, idOf(ROSA), { address: released, createdAt: NOW });
    await releaseAlias(store, idOf(ROSA), released, NOW);
    const before = after(NOW, -HOUR);
    const cases: readonly (readonly [string, Date, boolean])[] = [
      ["ROSA@beta.test", NOW, true],
      ["info@beta.test", NOW, true],
      ["rosa+news@beta.test", NOW, true],
      ["info+news@beta.test", NOW, true],
      ["rosa+ceo@beta.test", NOW, false],
      ["old@beta.test", before, true],
      ["old@beta.test", NOW, false],
      ["carol@beta.test", before, false],
      ["rosa@alpha.test", before, false],
    ];
    for (const [text, signedAt, expected] of cases) {
      const is = await isReadersAddress(store, idOf(ROSA), [address(text)], signedAt);
      assert.equal(is, expected, text);
    }
  });
}
