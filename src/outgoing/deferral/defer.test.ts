/** What is kept of a message that waits, how much of it, and that it is kept whole or not at all. */
import assert from "node:assert/strict";
import { before } from "node:test";

import { haveAccounts, idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { fakeClock } from "../../../test/support/clock.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { alice } from "../../../test/support/key-life.ts";
import { ownKey } from "../../../test/support/openpgp-messages.ts";
import { fixedServiceKeys } from "../../../test/support/service-keys.ts";
import { Given } from "../../base/given.ts";
import { AccountGone } from "../../mailbox/account-gone.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { sign } from "../../pgpmime/seal.ts";
import { deferredUse } from "../../store/mail/deferred.ts";
import type { Store } from "../../store/store.ts";
import { newServiceRoot } from "../../vault/service-key.ts";
import { prepare } from "../prepare.ts";
import { partKey } from "../queue-key.ts";
import { defer, type DeferDeps } from "./defer.ts";
import type { SignMessage } from "./deferral.ts";

const onBoth = testOnBoth();
const bob = addressOf("bob@beta.test");
const ben = addressOf("ben@beta.test");
/** Bob is named in it, and ben is not. */
const MESSAGE = `From: alice@alpha.test\r\nTo: bob@beta.test\r\n\r\n${"lorem ipsum\r\n".repeat(99)}`;
const MUCH = { bytes: 1e9, messages: 1e9 };

let signer: UnlockedKey;
before(async () => {
  signer = await ownKey("alice@alpha.test", "compat");
});

/** A place for messages of alice to wait. The first signature is used again, so that each message has the same size. */
async function place(store: Store) {
  const clock = fakeClock();
  const made = await prepare(
    { clock, hostname: "mail.alpha.test" },
    [alice],
    new Given(Buffer.from(MESSAGE)),
  );
  assert(made.kind === "ready");
  const { prepared } = made;
  const signed: Uint8Array[] = [];
  const signOnce: SignMessage = async (request) => {
    signed.push(signed[0] ?? (await sign(request)));
    return signed[0] ?? assert.fail();
  };
  const parts = partKey(fixedServiceKeys(newServiceRoot()));
  const keep = async (limits: DeferDeps["limits"], account = idOf(alice)) => {
    const deps = { store, clock, parts, sign: signOnce, legacyDisplay: true, limits };
    const evidence = { checkedAt: clock.now() };
    const discovery = {
      kind: "unreachable",
      code: "UNSURE-DNS",
      reason: "bogus",
      evidence,
    } as const;
    const kept = await defer(deps, {
      sender: { account, address: alice },
      author: alice,
      signer,
      envelope: { from: alice, recipients: [bob, ben] },
      prepared,
      policy: "prefer-clear",
      policies: ["prefer-clear", "prefer-clear"],
      demand: undefined,
      because: { address: bob, discovery },
      sent: undefined,
      isSplit: false,
    });
    return kept.kind;
  };
  const use = async () => deferredUse(store, idOf(alice));
  return { keep, use, signed, sizeBytes: prepared.message.length };
}

onBoth("as many messages wait for one sender as may, to the last octet", async (open) => {
  await using store = await open();
  await haveAccounts(store, alice);
  const { keep, use } = await place(store);
  assert.equal(await keep(MUCH), "kept");
  const { bytes } = await use();
  assert.equal(await keep({ ...MUCH, bytes: 2 * bytes }), "kept");
  assert.equal(await keep({ ...MUCH, bytes: 3 * bytes - 1 }), "full");
  assert.equal(await keep({ ...MUCH, messages: 2 }), "full");
  assert.deepEqual(await use(), { messages: 2, bytes: 2 * bytes });
  assert.equal(await keep({ ...MUCH, messages: 3 }), "kept");
});

onBoth("of several messages that come at once, each counts those before it", async (open) => {
  await using store = await open();
  await haveAccounts(store, alice);
  const { keep, use } = await place(store);
  const limits = { ...MUCH, messages: 1 };
  const kept = await Promise.all([keep(limits), keep(limits), keep(limits)]);
  assert.deepEqual(kept.toSorted(), ["full", "full", "kept"]);
  assert.equal((await use()).messages, 1);
});

onBoth(
  "nothing is signed where the message itself has no room, once for each signature",
  async (open) => {
    await using store = await open();
    await haveAccounts(store, alice);
    const { keep, signed, sizeBytes } = await place(store);
    assert.equal(await keep({ ...MUCH, bytes: 3 * sizeBytes - 1 }), "full");
    assert.equal(signed.length, 0);
    assert.equal(await keep({ ...MUCH, bytes: 3 * sizeBytes }), "full");
    assert.equal(signed.length, 2);
  },
);

onBoth("nothing is kept for an account that is gone", async (open) => {
  await using store = await open();
  const { keep, use } = await place(store);
  await assert.rejects(keep(MUCH), AccountGone);
  assert.deepEqual(await use(), { messages: 0, bytes: 0 });
});
