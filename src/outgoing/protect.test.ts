/** What holds for a whole message although it is true of one of its recipients only, or of none that is known. */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { deferralWorld } from "../../test/support/deferral-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import {
  address,
  CANARY,
  makePeople,
  MESSAGE,
  send,
  textOf,
} from "../../test/support/submission.ts";
import { Given } from "../base/given.ts";
import { MINUTE } from "../base/time.ts";
import { parseContact } from "../policy/contact-rules.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { ContactRule } from "../words/contact.ts";
import { submit } from "./outgoing.ts";

const onBoth = testOnBoth();
before(makePeople);

const TO = ["bob@beta.test", "carol@legacy.test"];

function rule(contact: string, of: ContactRule) {
  return { rules: new Map([[parseContact(contact) ?? assert.fail(), of]]) };
}

test("where nothing is sealed, one recipient who must have it sealed keeps the message from all", async () => {
  for (const of of [
    { part: "receives", ...rule("bob@beta.test", "always") },
    { part: "none", ...rule("carol@legacy.test", "never"), policy: "prefer-pickup" },
  ] as const) {
    const { reply, relayed, kept } = await send(MESSAGE, TO, of);
    assert.match(reply, /^550 5\.7\.5 your provider has not switched encryption on/);
    assert.deepEqual([...relayed, ...kept], []);
  }
});

test("without an open key nothing is sent as long as one recipient may get it sealed", async () => {
  const of = { keys: UnlockedKeys.none(), ...rule("carol@legacy.test", "never") };
  const { reply, relayed, kept } = await send(MESSAGE, TO, of);
  assert.match(reply, /^554 5\.7\.5 /);
  assert.deepEqual([...relayed, ...kept], []);
});

test("mail from a domain of which no step is known is sealed as from one that takes part in full", async () => {
  const first = await send(MESSAGE, ["bob@beta.test"]);
  const { deps, relayed } = first;
  relayed.length = 0;
  const sender = { ...first.sender, parts: new Map<never, never>() };
  const envelope = { from: sender.address, recipients: [address("bob@beta.test")] };
  const message = new Given(Buffer.from(MESSAGE.replaceAll("\n", "\r\n")));
  const submission = await submit(deps, sender, envelope, message);
  assert.deepEqual(submission, { kind: "accepted", sentAs: { kind: "sealed", recipients: 1 } });
  assert.equal(relayed.length, 1);
  assert(!textOf(relayed).includes(CANARY));
});

onBoth("what could not be sealed does not wait: it is refused with the reason", async (open) => {
  await using store = await open();
  const world = await deferralWorld(store);
  const twice = MESSAGE.replace("Subject", "Subject: one\nSubject");
  const reply = await world.send(twice, ["bob@beta.test"]);
  assert.match(reply, /^550 5\.6\.0 the message has more than one subject field; not sent$/);
  assert.equal(await world.left(), 0);
});

onBoth("what waits has its copy in Sent, and is split later only where it may be", async (open) => {
  for (const isSplit of [true, false]) {
    await using store = await open();
    const world = await deferralWorld(store);
    world.setSplit(isSplit);
    world.known.set("ben@beta.test", "found");
    assert.match(await world.send(MESSAGE, ["bob@beta.test", "ben@beta.test"]), /^250 .*waits/);
    assert.equal((await world.sent(false)).length, 1);
    world.setSplit(true);
    world.known.set("bob@beta.test", "absent");
    await world.pass(2 * MINUTE);
    assert.equal(world.relayed.length, isSplit ? 2 : 1);
  }
});

onBoth("a message waits under any policy but require, and no more than may", async (open) => {
  for (const [policy, deferredBytes, expected] of [
    ["prefer-clear", 1e9, /^250 .*waits/],
    ["prefer-pickup", 1e9, /^250 .*waits/],
    ["prefer-clear", 1000, /^450 4\.7\.5 <bob@beta\.test>/],
    ["require", 1e9, /^450 4\.7\.5 <bob@beta\.test>/],
  ] as const) {
    await using store = await open();
    const world = await deferralWorld(store, { policy, deferredBytes });
    assert.match(await world.send(MESSAGE, ["bob@beta.test"]), expected);
    assert.equal((await world.waiting()).length, expected.source.includes("250") ? 1 : 0);
  }
});
