/** What became certain leaves one message after the other, by what holds at its turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { CANARY, deferralWorld, MESSAGE } from "../../../test/support/deferral-world.ts";
import { engines } from "../../../test/support/engines.ts";
import { alice } from "../../../test/support/key-life.ts";
import { came } from "../../../test/support/outcome.ts";
import { MINUTE } from "../../base/time.ts";
import { addAlias, removeAlias } from "../../keys/alias.ts";
import { openWithService } from "../../vault/master-key.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: messages that become certain together are sealed one after the other, for their octets need room`, async () => {
    await using store = await open();
    const counts = { now: 0, most: 0 };
    const world = await deferralWorld(store, {
      meanwhile: async (doing) => {
        if (doing === "asking") return;
        counts.now += 1;
        counts.most = Math.max(counts.most, counts.now);
        await pause(50);
        counts.now -= 1;
      },
    });
    for (const day of ["one", "two", "three"]) {
      await world.send(MESSAGE.replace("<1@", `<${day}@`), ["bob@beta.test"]);
    }
    world.known.set("bob@beta.test", "found");
    await world.pass(5 * MINUTE);
    assert.equal(world.relayed.length, 3);
    assert.equal(counts.most, 1);
  });

  test(`${engine}: a message from an alias that its sender gave away is not sent, and they alone are told`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    const alias = addressOf("al@alpha.test");
    const { deps } = world;
    using masterKey = await openWithService(deps, idOf(alice));
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey), "added");
    const path = addressOf("al+news@alpha.test");
    const reply = await world.send(MESSAGE.replace("alice@", "al@"), ["bob@beta.test"], {
      from: path,
    });
    assert.match(reply, /^250 /);
    await came(removeAlias(deps, idOf(alice), alias, masterKey), "released");
    world.known.set("bob@beta.test", "found");
    await world.pass(5 * MINUTE);
    const [notice, ...others] = world.relayed;
    assert(notice);
    assert.deepEqual(others, []);
    assert.deepEqual(notice.envelope, { from: undefined, recipients: [alice] });
    assert.match(Buffer.from(notice.message).toString(), /is no longer yours/);
  });

  test(`${engine}: while one message is sealed, what comes meanwhile counts for the next`, async () => {
    await using store = await open();
    const sealing = Promise.withResolvers<void>();
    const hasBegun = { is: false };
    const world = await deferralWorld(store, {
      meanwhile: async (doing, of) => {
        if (doing === "asking") {
          if (hasBegun.is && of?.local === "ben") await sealing.promise;
          return;
        }
        sealing.resolve();
        // The other message waits for its turn, to leave in clear.
        await pause(200);
        world.known.set("ben@beta.test", "found");
      },
    });
    await world.send(MESSAGE, ["bob@beta.test"]);
    await world.send(MESSAGE.replace("<1@", "<2@"), ["ben@beta.test"]);
    hasBegun.is = true;
    world.known.set("bob@beta.test", "found").set("ben@beta.test", "absent");
    await world.pass(5 * MINUTE);
    const copies = world.relayed.map(({ message }) => Buffer.from(message).toString());
    assert.equal(copies.length, 2);
    for (const copy of copies) assert(!copy.includes(CANARY));
  });
}
