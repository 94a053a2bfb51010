/** What the copy in the sender's own mailbox says of a message that waited. */
import assert from "node:assert/strict";

import { idOf } from "../../../test/support/accounts.ts";
import { deferralWorld, MESSAGE } from "../../../test/support/deferral-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { alice } from "../../../test/support/key-life.ts";
import { HOUR, MINUTE } from "../../base/time.ts";

type World = Awaited<ReturnType<typeof deferralWorld>>;

const onBoth = testOnBoth();
const BOB = "bob@beta.test";
const BEN = "ben@beta.test";
const BEA = "bea@beta.test";

/** How the copy says that the message left, and what each recipient got. */
async function copyIn(world: World) {
  const [copy, ...more] = await world.sent(true);
  assert.deepEqual(more, []);
  assert(copy?.summary);
  const { verdict, sent } = copy.summary;
  return {
    how: verdict.evidence["how"],
    to: sent?.map((one) => [one.address, one.got, one.code, one.isBlind]),
  };
}

onBoth(
  "a split message tells of each recipient what they got, and its name was protected",
  async (open) => {
    await using store = await open();
    const world = await deferralWorld(store);
    world.setSplit(true);
    world.known.set(BOB, "found");
    await world.send(MESSAGE, [BOB, BEN]);
    world.known.set(BEN, "absent");
    await world.pass(2 * MINUTE);
    assert.deepEqual(await copyIn(world), {
      how: "split",
      to: [
        [BOB, "sealed", "OK", false],
        [BEN, "clear", "NOSVC", true],
      ],
    });
    const mailbox = world.mailboxOf(store, { id: idOf(alice), address: alice });
    assert.equal(await mailbox.hasSealed(["1@alpha.test"]), true, "an answer must not be clear");
  },
);

onBoth("whoever is named in a message that waited is no blind recipient", async (open) => {
  for (const [named, areBlind] of [
    [`${BOB}, ${BEN}`, [false, false, true]],
    [`${BOB}, ${BEN}, ${BEA}`, [false, false, false]],
    ["undisclosed-recipients:;", [true, true, true]],
  ] as const) {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE.replace(`To: ${BOB}`, `To: ${named}`), [BOB, BEN, BEA]);
    for (const address of [BOB, BEN, BEA]) world.known.set(address, "absent");
    await world.pass(2 * MINUTE);
    const { to } = await copyIn(world);
    assert.deepEqual(
      to?.map(([, , , isBlind]) => isBlind),
      areBlind,
    );
  }
});

onBoth("the copy of a message that bounced says because of whom", async (open) => {
  for (const [known, code] of [
    ["absent", "NOSVC"],
    ["unsure", "UNSURE-DNS"],
  ] as const) {
    await using store = await open();
    const world = await deferralWorld(store, { policy: "prefer-pickup" });
    world.known.set(BEN, "found");
    await world.send(MESSAGE, [BOB, BEN]);
    world.known.set(BOB, known);
    await world.pass(known === "unsure" ? 26 * HOUR : 10 * MINUTE, { everyMs: 10 * MINUTE });
    assert.deepEqual(await copyIn(world), {
      how: "not-sent",
      to: [
        [BOB, "refused", code, false],
        [BEN, "refused", "", true],
      ],
    });
  }
});

onBoth(
  "a message that is submitted once more changes nothing of what its first copy says",
  async (open) => {
    await using store = await open();
    const world = await deferralWorld(store);
    await world.send(MESSAGE, [BOB]);
    const [first] = await world.waiting();
    await world.send(MESSAGE, [BOB]);
    const second = (await world.waiting()).find((one) => one?.id !== first?.id);
    assert(first && second);
    assert.equal(await world.cancel(second.id), "cancelled");
    assert.equal((await copyIn(world)).how, "deferred");
    world.known.set(BOB, "found");
    await world.pass(2 * MINUTE);
    assert.equal((await copyIn(world)).how, "sealed");
  },
);

onBoth(
  "a message waits although there is no room for its copy, which the reply says",
  async (open) => {
    await using store = await open();
    const world = await deferralWorld(store, { mailboxBytes: 1 });
    const reply = await world.send(MESSAGE, [BOB]);
    assert.match(reply, /^250 .*waits.*; no copy in Sent: your mailbox is full$/);
    assert(world.traced.includes("no Sent copy"));
    world.known.set(BOB, "found");
    await world.pass(2 * MINUTE);
    assert.equal(world.relayed.length, 1);
    assert.deepEqual(await world.sent(true), []);
  },
);

onBoth(
  "an answer to what left encrypted is not clear, though there is no copy of it",
  async (open) => {
    for (const [known, isSplit, expected] of [
      ["found", false, /^550 5\.7\.5 .*it answers a message that came encrypted/],
      ["found", true, /^550 5\.7\.5 .*it answers a message that came encrypted/],
      ["absent", false, /^250 .*1 NOT ENCRYPTED/],
    ] as const) {
      await using store = await open();
      const world = await deferralWorld(store, { mailboxBytes: 1 });
      world.setSplit(isSplit);
      await world.send(MESSAGE, isSplit ? [BOB, BEN] : [BOB]);
      world.known.set(BOB, known).set(BEN, "absent");
      await world.pass(2 * MINUTE);
      assert.equal(world.relayed.length, isSplit ? 2 : 1);
      const answer = MESSAGE.replace("Message-ID: <1@", "Message-ID: <2@");
      const reply = answer.replace("Subject:", "In-Reply-To: <1@alpha.test>\nSubject:");
      assert.match(await world.send(reply, [BEN]), expected);
    }
  },
);
