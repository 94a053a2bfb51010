import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";

import { add, summaryMail } from "../../test/contract/mailbox-world.ts";
import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { embeddedMailbox, type EmbeddedMailbox } from "../../test/support/embedded-mailbox.ts";
import { engines } from "../../test/support/engines.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import { CatchingUp } from "./catching-up.ts";

const other = addressOf("carol@beta.test");

/**
 * Three messages that came while the mailbox was closed, and what prepares them. `before` is called before the mailbox is
 * prepared, and `beforePage` before each page of it.
 */
async function withThree(
  world: EmbeddedMailbox,
  byService?: UnlockedKeys,
  {
    before = async () => Promise.resolve(),
    beforePage = async () => Promise.resolve(),
    maxWaiting = 10,
  } = {},
) {
  for (const subject of ["lease", "rent", "keys"]) {
    await add(world.openClosed(), summaryMail(subject));
  }
  const failed: unknown[] = [];
  const broken = new Set<AccountId>();
  const wiring: ConstructorParameters<typeof CatchingUp>[0] = {
    pending: {
      store: world.store,
      mailboxOf: (_store, { id }) => {
        const mailbox: Pick<Mailbox, "catchUp"> = {
          catchUp: async (o = {}) => {
            prepared.push(id);
            await before();
            const beforeEach = async (): Promise<void> => {
              await beforePage();
              await o.beforePage?.();
            };
            return world.open().catchUp({ ...o, beforePage: beforeEach });
          },
        };
        return mailbox as Mailbox;
      },
    },
    unlockWithService: async (account) => {
      if (broken.has(account)) throw new Error("the database is away");
      return Promise.resolve(byService?.clone());
    },
    events: { failed: (_what, error) => failed.push(error) },
  };
  const prepared: AccountId[] = [];
  const catchingUp = new CatchingUp(wiring, maxWaiting);
  const unindexed = async (): Promise<number> => {
    const found = await world.open().search({ subject: "lease" }, { limit: 10 });
    assert(found.kind === "found");
    return found.unindexed;
  };
  return { catchingUp, unindexed, failed, prepared, broken };
}

/** What ends every session of an account, whichever process does it. */
async function endSessions({ store, account }: EmbeddedMailbox): Promise<void> {
  await store.db
    .updateTable("accounts")
    .set({ generation: 7 })
    .where("id", "=", account.id)
    .execute();
}

for (const { engine, open } of engines()) {
  test(`${engine}: the keys of a login prepare what came, and are wiped afterwards`, async () => {
    await using store = await open();
    const world = await embeddedMailbox(store);
    const { catchingUp, unindexed, failed } = await withThree(world);
    assert.equal(await unindexed(), 3);
    const own = world.keys.clone();
    catchingUp.begin(world.account.id, { keys: own, generation: undefined });
    // What has begun ends the second one at once.
    const second = world.keys.clone();
    catchingUp.begin(world.account.id, { keys: second, generation: undefined });
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
    catchingUp.begin(world.account.id, { keys: world.keys.clone(), generation: undefined });
    await catchingUp.finish();
    assert.equal(await unindexed(), 3);
  });

  for (const [what, when] of [
    ["while they wait for their turn", "waiting"],
    ["between two pages", "pages"],
  ] as const) {
    test(`${engine}: keys that are withdrawn ${what} prepare nothing from then on, and are wiped`, async () => {
      await using store = await open();
      const world = await embeddedMailbox(store);
      await haveAccounts(store, other);
      const isFree = Promise.withResolvers<undefined>();
      let pages = 0;
      const made = await withThree(world, undefined, {
        before: async () => {
          if (when === "waiting") await isFree.promise;
        },
        beforePage: async () => {
          pages += 1;
          // The summaries are folded in before the first message is indexed.
          if (when === "pages" && pages === 3) await endSessions(world);
        },
      });
      const { catchingUp, unindexed, failed, prepared } = made;
      if (when === "waiting") {
        catchingUp.begin(idOf(other), { keys: UnlockedKeys.none(), generation: 0 });
      }
      const keys = world.keys.clone();
      catchingUp.begin(world.account.id, { keys, generation: 0 });
      if (when === "waiting") {
        await endSessions(world);
        isFree.resolve(undefined);
      }
      while (isOpen(keys)) await setImmediate();
      await catchingUp.finish();
      assert.deepEqual(prepared, [when === "waiting" ? idOf(other) : world.account.id]);
      if (when === "pages") assert.deepEqual([await unindexed(), pages], [3, 3]);
      assert.deepEqual(failed, [], "it is no failure");
    });
  }

  test(`${engine}: keys of a generation that is over prepare nothing`, async () => {
    await using store = await open();
    const world = await embeddedMailbox(store);
    const { catchingUp, prepared, failed } = await withThree(world);
    await endSessions(world);
    const keys = world.keys.clone();
    catchingUp.begin(world.account.id, { keys, generation: 0 });
    while (isOpen(keys)) await setImmediate();
    await catchingUp.finish();
    assert.deepEqual([prepared, failed], [[], []]);
  });

  test(`${engine}: so many mailboxes wait and no more, and one that was noted is prepared later`, async () => {
    await using store = await open();
    const world = await embeddedMailbox(store);
    await haveAccounts(store, other);
    const isFree = Promise.withResolvers<undefined>();
    const { catchingUp, prepared, failed } = await withThree(world, world.keys, {
      before: async () => {
        await isFree.promise;
      },
      maxWaiting: 0,
    });
    const first = world.keys.clone();
    catchingUp.begin(world.account.id, { keys: first, generation: 0 });
    while (prepared.length === 0) await setImmediate();
    const second = world.keys.clone();
    catchingUp.begin(idOf(other), { keys: second, generation: 0 });
    while (isOpen(second)) await setImmediate();
    catchingUp.note(idOf(other));
    await catchingUp.prepareNoted();
    assert.deepEqual(prepared, [world.account.id]);
    isFree.resolve(undefined);
    while (isOpen(first)) await setImmediate();
    await catchingUp.prepareNoted();
    assert.deepEqual(prepared, [world.account.id, idOf(other)]);
    await catchingUp.finish();
    assert.deepEqual(failed, []);
  });

  test(`${engine}: a mailbox that cannot be prepared keeps no other from it, and is tried again`, async () => {
    await using store = await open();
    const world = await embeddedMailbox(store);
    await haveAccounts(store, other);
    const { catchingUp, prepared, failed, broken } = await withThree(world, world.keys);
    broken.add(idOf(other));
    catchingUp.note(idOf(other));
    catchingUp.note(world.account.id);
    await catchingUp.prepareNoted();
    assert.deepEqual(prepared, [world.account.id]);
    assert.match(String(failed), /the database is away/);
    broken.clear();
    await catchingUp.prepareNoted();
    await catchingUp.prepareNoted();
    assert.deepEqual(prepared, [world.account.id, idOf(other)]);
    assert.equal(failed.length, 1);
    await catchingUp.finish();
  });
}

/** Whether keys are not wiped yet. */
function isOpen({ all: [key] }: UnlockedKeys): boolean {
  try {
    key?.derive("mailbox");
    return true;
  } catch {
    return false;
  }
}
