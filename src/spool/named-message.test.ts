import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, alias } from "../../test/support/key-life.ts";
import { mailboxesWith } from "../../test/support/mailboxes.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { fromUnixMs } from "../base/time.ts";
import { locked } from "../incoming/verdicts.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Store } from "../store/store.ts";
import { messageNamed } from "./named-message.ts";

const NOW = fromUnixMs(1_800_000_000_000);

function of(store: Store, address: EmailAddress) {
  const account = idOf(address);
  return { account, mailbox: mailboxesWith({ now: () => NOW })(store, { id: account, address }) };
}

async function haveMessage(store: Store, messageId: string): Promise<string> {
  return haveWaiting(store, {
    account: idOf(alice),
    body: Buffer.from(messageId),
    form: "sealed",
    receivedAt: NOW,
    sizeBytes: 1,
    outerFrom: "",
    verdict: locked(NOW),
    messageId,
  });
}

for (const { engine, open } of engines()) {
  test(`${engine}: a message is named by its ID, the beginning of it, or its Message-ID`, async () => {
    await using store = await open();
    await haveAccounts(store, alice, alias);
    const id = await haveMessage(store, "1@alpha.test");
    for (const name of [id, id.slice(0, 8), "1@alpha.test", "<1@alpha.test>"]) {
      assert.deepEqual(
        await messageNamed(store, of(store, alice), [name]),
        { kind: "one", id },
        name,
      );
      assert.equal((await messageNamed(store, of(store, alias), [name])).kind, "none", name);
    }
    const readings = [`(${id})`, id];
    assert.deepEqual(await messageNamed(store, of(store, alice), readings), { kind: "one", id });
    for (const name of ["", "<>", "2@alpha.test"]) {
      assert.equal((await messageNamed(store, of(store, alice), [name])).kind, "none", name);
    }
  });

  test(`${engine}: a beginning that several messages have names none`, async () => {
    await using store = await open();
    await haveAccounts(store, alice);
    // An ID begins with one of sixteen digits.
    const ids = await Promise.all(
      Array.from({ length: 17 }, async (_none, at) => haveMessage(store, `${at}@alpha.test`)),
    );
    const begun = (digit: string) => ids.filter((id) => id.startsWith(digit)).length;
    const name = ids.map((id) => id.slice(0, 1)).find((digit) => begun(digit) > 1);
    assert(name !== undefined);
    const named = await messageNamed(store, of(store, alice), [name]);
    assert.deepEqual(named, { kind: "several", name, count: begun(name) });
  });
}
