import assert from "node:assert/strict";
import { test } from "node:test";

import { add, summaryMail } from "../../test/contract/mailbox-world.ts";
import { embeddedMailbox, type EmbeddedMailbox } from "../../test/support/embedded-mailbox.ts";
import { engines } from "../../test/support/engines.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { CatchingUp } from "./catching-up.ts";

/** Three messages that came while the mailbox was closed, and what prepares them. */
async function withThree(world: EmbeddedMailbox, byService?: UnlockedKeys) {
  for (const subject of ["lease", "rent", "keys"]) {
    await add(world.openClosed(), summaryMail(subject));
  }
  const failed: unknown[] = [];
  const catchingUp = new CatchingUp({
    pending: {
      store: world.store,
      mailboxOf: (_store, _owner, keys) => (keys === undefined ? world.openClosed() : world.open()),
    },
    unlockWithService: async () => Promise.resolve(byService?.clone()),
    events: { failed: (_what, error) => failed.push(error) },
  });
  const unindexed = async (): Promise<number> => {
    const found = await world.open().search({ subject: "lease" }, { limit: 10 });
    assert(found.kind === "found");
    return found.unindexed;
  };
  return { catchingUp, unindexed, failed };
}

for (const { engine, open } of engines()) {
  test(`${engine}: the keys of a login prepare what came, and are wiped afterwards`, async () => {
    await using store = await open();
    const world = await embeddedMailbox(store);
    const { catchingUp, unindexed, failed } = await withThree(world);
    assert.equal(await unindexed(), 3);
    const own = world.keys.clone();
    catchingUp.begin(world.account.id, own);
    // What has begun ends the second one at once.
    const second = world.keys.clone();
    catchingUp.begin(world.account.id, second);
    for (let look = 0; (await unindexed()) > 0; look += 1) assert(look < 1000);
    await catchingUp.finish();
    assert.deepEqual(failed, []);
    for (const keys of [own, second]) assert.throws(() => keys.all[0]?.derive("mailbox"));
  });

  test(`${engine}: what was noted is prepared where the provider may open it, and else left alone`, async () => {
    await using store = await open();
    const world = await embeddedMailbox(store);
    const locked = await withThree(world);
    locked.catchingUp.note(world.account.id);
    await locked.catchingUp.prepareNoted();
    assert.equal(await locked.unindexed(), 3);
    const usable = await withThree(world, world.keys);
    await usable.catchingUp.prepareNoted();
    assert.equal(await usable.unindexed(), 6, "nothing was noted");
    usable.catchingUp.note(world.account.id);
    await usable.catchingUp.prepareNoted();
    assert.equal(await usable.unindexed(), 0);
  });

  test(`${engine}: after the end nothing is prepared any more`, async () => {
    await using store = await open();
    const world = await embeddedMailbox(store);
    const { catchingUp, unindexed } = await withThree(world, world.keys);
    catchingUp.note(world.account.id);
    await catchingUp.finish();
    await catchingUp.prepareNoted();
    catchingUp.begin(world.account.id, world.keys.clone());
    await catchingUp.finish();
    assert.equal(await unindexed(), 3);
  });
}
