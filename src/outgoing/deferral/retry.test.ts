/** What was agreed when a message was accepted, and what holds when its turn comes: the stricter of both decides. */
import assert from "node:assert/strict";

import { idOf } from "../../../test/support/accounts.ts";
import {
  ben,
  bob,
  CANARY,
  deferralWorld,
  MESSAGE,
  type Options,
} from "../../../test/support/deferral-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { alice } from "../../../test/support/key-life.ts";
import { came } from "../../../test/support/outcome.ts";
import { MINUTE } from "../../base/time.ts";
import { closeAccount } from "../../keys/end-account.ts";
import { revokeKey } from "../../keys/revoke.ts";
import { formatAddress } from "../../mail/address.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { open as openMessage } from "../../pgpmime/pgpmime.ts";
import { changeRule, parseContact } from "../../policy/contact-rules.ts";
import { changeRollout } from "../../policy/rollout.ts";
import { insertJob } from "../../store/jobs/jobs.ts";
import type { Store } from "../../store/store.ts";
import { openWithService } from "../../vault/master-key.ts";
import type { ContactRule } from "../../words/contact.ts";
import type { Copy } from "../copy.ts";
import { partKey } from "../queue-key.ts";
import { orderFrom, orderOctets, PART } from "./order.ts";
import { readPart } from "./parts.ts";

const onBoth = testOnBoth();
const BOB = "bob@beta.test";
const BEN = "ben@beta.test";
const BOTH = MESSAGE.replace(`To: ${BOB}`, `To: ${BOB}, ${BEN}`);

function textOf(copy: Copy | undefined): string {
  return Buffer.from(copy?.message ?? []).toString("latin1");
}

async function openedBy(reader: UnlockedKey, copy: Copy | undefined): Promise<string> {
  const found = await openMessage({ message: copy?.message ?? new Uint8Array(), keys: [reader] });
  assert(found.kind === "opened", found.kind);
  return Buffer.from(found.payload).toString();
}

/** The world of `deferralWorld`, with what else may change in it while a message waits. */
async function worldOf(store: Store, options: Options = {}) {
  const world = await deferralWorld(store, options);
  const { deps, relayed } = world;
  const account = idOf(alice);
  return {
    ...world,
    setRule: async (address: string, rule: ContactRule | undefined) => {
      const contact = parseContact(address) ?? assert.fail();
      await came(changeRule(deps, { account, contact, rule, by: "operator" }), "changed");
    },
    revoke: async () => {
      using masterKey = await openWithService(deps, account);
      assert(masterKey);
      const wish = { address: alice, reason: "compromised", text: "", owner: account } as const;
      await came(revokeKey(deps, { ...wish, masterKey }), "revoked");
    },
    /** Lets the turn of a message come, and looks whether nothing but a bounce leaves. */
    bounces: async (reason: RegExp) => {
      await world.pass(2 * MINUTE);
      const [bounce, ...more] = relayed;
      assert.deepEqual(more, []);
      assert.deepEqual(bounce?.envelope.recipients.map(formatAddress), [formatAddress(alice)]);
      assert.match(textOf(bounce).replaceAll(/\s+/g, " "), reason);
      assert(!textOf(bounce).includes(CANARY));
      assert.equal(await world.left(), 0);
    },
  };
}

onBoth("a message bounces that waits while its domain goes a step back", async (open) => {
  for (const known of ["found", "absent"] as const) {
    await using store = await open();
    const world = await worldOf(store);
    assert.match(await world.send(MESSAGE, [BOB]), /^250 .*waits/);
    const step = { rollout: "receive-only", others: "receive-only" } as const;
    await changeRollout(world.deps, alice.domain, step);
    world.known.set(BOB, known);
    await world.bounces(/Status: 5\.7\.5 .*has switched encryption off for what you send/);
  }
});

onBoth("a message bounces whose sender's account is closed while it waits", async (open) => {
  await using store = await open();
  const world = await worldOf(store);
  await world.send(MESSAGE, [BOB]);
  await came(closeAccount(world.deps, idOf(alice), undefined), "closed");
  world.known.set(BOB, "absent");
  await world.bounces(/Status: 5\.7\.1 .*the address that your message is from is no longer yours/);
});

onBoth(
  "nothing of a split message leaves once the key that signed it was revoked",
  async (open) => {
    await using store = await open();
    const world = await worldOf(store);
    world.setSplit(true);
    world.known.set(BOB, "found");
    await world.send(BOTH, [BOB, BEN]);
    await world.revoke();
    world.known.set(BEN, "absent");
    await world.bounces(/the key that signed your message has ended/);
  },
);

onBoth("what leaves in clear needs no key that is still good", async (open) => {
  await using store = await open();
  const world = await worldOf(store);
  await world.send(MESSAGE, [BOB]);
  await world.revoke();
  world.known.set(BOB, "absent");
  await world.pass(2 * MINUTE);
  const [copy, ...more] = world.relayed;
  assert.deepEqual(more, []);
  assert.deepEqual(copy?.envelope.recipients.map(formatAddress), [BOB]);
  assert(textOf(copy).includes(CANARY));
});

onBoth("a split holds as long as it is allowed, and no longer", async (open) => {
  for (const isStillAllowed of [true, false]) {
    await using store = await open();
    const world = await worldOf(store);
    world.setSplit(true);
    world.known.set(BOB, "found");
    await world.send(BOTH, [BOB, BEN]);
    world.setSplit(isStillAllowed);
    world.known.set(BEN, "absent");
    await world.pass(2 * MINUTE);
    const got = world.relayed.map(({ envelope }) => envelope.recipients.map(formatAddress));
    assert.deepEqual(got, isStillAllowed ? [[BOB], [BEN]] : [[BOB, BEN]]);
    if (isStillAllowed) assert((await openedBy(bob, world.relayed[0])).includes(CANARY));
  }
});

onBoth(
  "a rule for clear text that is taken back while a message waits holds no more",
  async (open) => {
    await using store = await open();
    const world = await worldOf(store);
    world.known.set(BEN, "found");
    await world.setRule(BEN, "never");
    await world.send(BOTH, [BOB, BEN]);
    await world.setRule(BEN, undefined);
    world.known.set(BOB, "found");
    await world.pass(2 * MINUTE);
    const [copy, ...more] = world.relayed;
    assert.deepEqual(more, []);
    assert((await openedBy(ben, copy)).includes(CANARY));
  },
);

onBoth(
  "who must have it sealed and who must not get nothing of a message that waited",
  async (open) => {
    await using store = await open();
    const world = await worldOf(store);
    await world.setRule(BOB, "always");
    world.known.set(BEN, "found");
    // Programs read what a program has written, so that ben would get it in clear.
    const automatic = BOTH.replace("Subject:", "Auto-Submitted: auto-generated\nSubject:");
    assert.match(await world.send(automatic, [BOB, BEN]), /^250 .*waits/);
    world.known.set(BOB, "found");
    await world.bounces(/<bob@beta\.test>: .*<bob@beta\.test>.*<ben@beta\.test>.*separately/);
  },
);

onBoth("a bounce says that the policy forbids clear text, and for whom", async (open) => {
  await using store = await open();
  const world = await worldOf(store, { policy: "prefer-pickup" });
  world.known.set(BEN, "found");
  await world.send(BOTH, [BEN, BOB]);
  world.known.set(BOB, "absent");
  await world.bounces(
    /<ben@beta\.test>: .* because of <?bob@beta\.test>? .*<bob@beta\.test>: .*\(your policy requires encryption\)/,
  );
});

onBoth(
  "a bounce names the rule of a user whose policy alone would let clear text leave",
  async (open) => {
    for (const [policyNow, reason] of [
      ["prefer-clear", /\(a rule of yours requires encryption\)/],
      ["prefer-pickup", /\(your policy requires encryption\)/],
    ] as const) {
      await using store = await open();
      const world = await worldOf(store);
      await world.setRule(BOB, "always");
      await world.send(MESSAGE, [BOB]);
      world.setPolicy(policyNow);
      world.known.set(BOB, "absent");
      await world.bounces(reason);
    }
  },
);

onBoth("a recipient for whom no policy was kept gets no clear text", async (open) => {
  await using store = await open();
  const world = await worldOf(store);
  await world.send(MESSAGE, [BOB]);
  const [waiting] = await world.waiting();
  assert(waiting);
  const parts = partKey(world.deps.serviceKeys);
  const name = PART.order(waiting.id);
  const order = orderFrom(await readPart({ store, parts }, name));
  const { wrapped } = await parts.wrap(name, orderOctets({ ...order, policies: [] }));
  await store.db.updateTable("outbox").set({ wrapped }).where("id", "=", name).execute();
  world.known.set(BOB, "absent");
  await world.bounces(/<bob@beta\.test> has no published encryption key/);
});

onBoth("the turn of a message that is gone does nothing", async (open) => {
  await using store = await open();
  const world = await worldOf(store);
  const job = { subject: "gone", account: idOf(alice), createdAt: world.clock.now() };
  await insertJob(store, { kind: "deferred", ...job });
  await world.tick();
  assert.deepEqual([world.relayed, world.woken], [[], []]);
});
