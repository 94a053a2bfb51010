/** Who can read which copy of a message that waited: its readers, and its sender the main one, or all where none is main. */
import assert from "node:assert/strict";

import { idOf } from "../../../test/support/accounts.ts";
import { ben, bob, deferralWorld, MESSAGE } from "../../../test/support/deferral-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { alice } from "../../../test/support/key-life.ts";
import { MINUTE } from "../../base/time.ts";
import { formatAddress } from "../../mail/address.ts";
import { open as openMessage } from "../../pgpmime/pgpmime.ts";
import type { Store } from "../../store/store.ts";
import { unlockWithService } from "../../vault/vault.ts";

const onBoth = testOnBoth();
const BOB = "bob@beta.test";
const BEN = "ben@beta.test";

/** Who reads which copy, once a message has waited for both of them. */
async function readersOf(store: Store, to: string) {
  const world = await deferralWorld(store);
  assert.match(await world.send(MESSAGE.replace(BOB, to), [BOB, BEN]), /^250 .*waits/);
  world.known.set(BOB, "found").set(BEN, "found");
  await world.pass(2 * MINUTE);
  using own = await unlockWithService(world.deps, idOf(alice));
  assert(own);
  const keys = { alice: own.all, bob: [bob], ben: [ben] };
  return Promise.all(
    world.relayed.map(async ({ envelope, message }) => {
      const readers = [];
      for (const [name, of] of Object.entries(keys)) {
        const { kind } = await openMessage({ message, keys: of });
        if (kind === "opened") readers.push(name);
      }
      return [envelope.recipients.map(formatAddress).join(" "), readers.join(" ")];
    }),
  );
}

onBoth("the sender can read the copy of the named recipients, and no blind one's", async (open) => {
  await using store = await open();
  assert.deepEqual(await readersOf(store, BOB), [
    [BOB, "alice bob"],
    [BEN, "ben"],
  ]);
});

onBoth("where all recipients are blind, the sender can read each copy", async (open) => {
  await using store = await open();
  assert.deepEqual(await readersOf(store, "undisclosed-recipients:;"), [
    [BOB, "alice bob"],
    [BEN, "alice ben"],
  ]);
});

onBoth("where all recipients are named there is one copy", async (open) => {
  await using store = await open();
  assert.deepEqual(await readersOf(store, `${BOB}, ${BEN}`), [[`${BOB} ${BEN}`, "alice bob ben"]]);
});
