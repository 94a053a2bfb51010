/** How a turn ends: once, by whoever holds it, for an account that is still there. */
import assert from "node:assert/strict";

import { idOf } from "../../../test/support/accounts.ts";
import { deferralWorld, MESSAGE } from "../../../test/support/deferral-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { alice } from "../../../test/support/key-life.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import { eraseByLaw } from "../../keys/end-account.ts";
import { formatAddress } from "../../mail/address.ts";
import type { Store } from "../../store/store.ts";
import type { Copy } from "../copy.ts";

const onBoth = testOnBoth();
const BOB = "bob@beta.test";
const BEN = "ben@beta.test";

function textOf(copy: Copy | undefined): string {
  return Buffer.from(copy?.message ?? []).toString("latin1");
}

/** Alice's message waits for bob. */
async function waitingWorld(store: Store) {
  let next: { readonly while: string; readonly act: () => Promise<void> } | undefined;
  const world = await deferralWorld(store, {
    meanwhile: async (doing) => {
      if (next?.while !== doing) return;
      const { act } = next;
      next = undefined;
      await act();
    },
  });
  const sentAt = world.clock.now();
  await world.send(MESSAGE, [BOB]);
  return {
    ...world,
    /** What happens once, while the next turn does something. */
    during: (doing: "asking" | "encrypting", act: () => Promise<void>) => {
      next = { while: doing, act };
    },
    /** How often the message was tried, and in how many minutes after it was sent it is due. */
    turn: async () => {
      const [waiting] = await world.waiting();
      assert(waiting);
      const minutes = (waiting.dueAt.getTime() - sentAt.getTime()) / MINUTE;
      return [waiting.attempts, minutes];
    },
  };
}

onBoth(
  "a turn that outlives its lease tells the sender nothing that was told since",
  async (open) => {
    await using store = await open();
    const world = await waitingWorld(store);
    await world.pass(4 * HOUR + 50 * MINUTE);
    assert.equal(world.relayed.length, 0);
    const before = await world.turn();
    assert.deepEqual(before, [7, 291]);
    world.woken.length = 0;
    world.during("asking", async () => {
      world.clock.advance(11 * MINUTE);
      await world.tick();
    });
    await world.pass(MINUTE);
    assert.deepEqual(
      world.relayed.map(textOf).map((text) => /^Action: \w+/m.exec(text)?.[0]),
      ["Action: delayed"],
    );
    assert.deepEqual(await world.turn(), [8, 291 + 11 + 60]);
    assert.equal(world.woken.length, 1, "by the turn that counts");
  },
);

onBoth("a turn that outlives its lease sends nothing that was sent since", async (open) => {
  await using store = await open();
  const world = await waitingWorld(store);
  world.known.set(BOB, "found");
  world.during("encrypting", async () => {
    world.clock.advance(11 * MINUTE);
    await world.tick();
  });
  await world.pass(2 * MINUTE);
  assert.deepEqual(
    world.relayed.map(({ envelope }) => envelope.recipients.map(formatAddress)),
    [[BOB]],
  );
  assert.equal(world.woken.length, 1);
});

onBoth(
  "nothing is sent for an account that is erased during the turn, and nobody is told",
  async (open) => {
    for (const known of ["absent", "found", "unsure"] as const) {
      await using store = await open();
      const world = await waitingWorld(store);
      world.known.set(BOB, known);
      world.during("asking", async () => {
        await eraseByLaw(world.deps, idOf(alice));
      });
      // That what is to be sent is gone, the operator is told.
      await world.pass(2 * MINUTE, { mayFail: true });
      assert.deepEqual([world.relayed, world.woken], [[], []]);
      assert.equal(await world.left(), 0);
    }
  },
);

onBoth("trouble counts as a try, and each try is later than the one before", async (open) => {
  await using store = await open();
  const world = await waitingWorld(store);
  await store.db
    .updateTable("outbox")
    .set({ wrapped: Buffer.of(1) })
    .execute();
  const turns: unknown[] = [await world.turn()];
  for (const minutes of [1, 5, 15]) {
    await world.pass(minutes * MINUTE, { mayFail: true });
    turns.push(await world.turn());
  }
  assert.deepEqual(turns, [
    [0, 1],
    [1, 6],
    [2, 21],
    [3, 51],
  ]);
  assert.equal(world.relayed.length, 0);
});

onBoth("a bounce says of each recipient whether it is because of them", async (open) => {
  await using store = await open();
  const world = await deferralWorld(store, { policy: "prefer-pickup" });
  world.known.set(BEN, "found");
  await world.send(MESSAGE, [BOB, BEN]);
  world.known.set(BOB, "absent");
  await world.pass(2 * MINUTE);
  const said = textOf(world.relayed[0]).replaceAll(/\s+/g, " ");
  assert.match(said, /<bob@beta\.test>: \S*bob@beta\.test\S* has no/);
  assert.match(said, /<ben@beta\.test>: the message was sent to none .* because of bob@beta\.test/);
});
