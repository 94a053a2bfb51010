/** What operators see of deferred mail, and do about it. */
import assert from "node:assert/strict";

import { haveAccounts, idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import { deferralWorld, MESSAGE } from "../../../test/support/deferral-world.ts";
import { testOnBoth } from "../../../test/support/engines.ts";
import { haveDeferred } from "../../../test/support/have-deferred.ts";
import { alice, depsFor } from "../../../test/support/key-life.ts";
import { MINUTE } from "../../base/time.ts";
import { takeDue } from "../../jobs/jobs.ts";
import { listAudit } from "../../journal/journal.ts";
import { formatAddress } from "../../mail/address.ts";
import { readJob } from "../../store/jobs/jobs.ts";
import type { Store } from "../../store/store.ts";
import { partKey } from "../queue-key.ts";
import { findWaiting, listWaiting, retryNow } from "./waiting.ts";

const onBoth = testOnBoth();
const BOB = "bob@beta.test";

/** Has messages of alice wait, under these Message-IDs. @returns their IDs. */
async function waiting(store: Store, messageIds: readonly string[]) {
  const { clock, serviceKeys } = depsFor(store);
  await haveAccounts(store, alice);
  const keeping = { store, clock, parts: partKey(serviceKeys) };
  const message = { account: idOf(alice), sender: alice, recipients: [addressOf(BOB)] } as const;
  const ids: string[] = [];
  for (const messageId of messageIds) {
    ids.push(await haveDeferred(keeping, { ...message, messageId }));
  }
  return { ids, clock };
}

onBoth("all that waits is listed once, however much it is", async (open) => {
  await using store = await open();
  for (const count of [200, 1]) {
    const names = Array.from({ length: count }, (_, index) => `<${String(index)}@alpha.test>`);
    await waiting(store, names);
    const all = await Array.fromAsync(listWaiting(store));
    const kept = await store.db.selectFrom("deferred").select("id").execute();
    assert.deepEqual(all.map(({ id }) => id).toSorted(), kept.map(({ id }) => id).toSorted());
  }
});

onBoth(
  "a message is found by its ID, or by its Message-ID with its brackets or without",
  async (open) => {
    await using store = await open();
    const { ids } = await waiting(store, ["<1@alpha.test>", "<2@alpha.test>", "<2@alpha.test>"]);
    const [first = ""] = ids;
    for (const name of [first, "<1@alpha.test>", "1@alpha.test"]) {
      const found = await findWaiting(store, ["unknown", name, "<2@alpha.test>"]);
      assert.deepEqual(
        found.map(({ id, recipients }) => [id, recipients.map(formatAddress)]),
        [[first, [BOB]]],
      );
    }
    assert.equal((await findWaiting(store, ["2@alpha.test"])).length, 2);
    assert.deepEqual(await findWaiting(store, ["unknown"]), []);
  },
);

onBoth("what waits is made due, unless a process is at it or it is gone", async (open) => {
  await using store = await open();
  const { ids, clock } = await waiting(store, ["<1@alpha.test>"]);
  const [id = ""] = ids;
  assert.deepEqual(await retryNow({ store, clock }, { id }), { kind: "due" });
  const job = await readJob(store, { kind: "deferred", subject: id });
  assert.deepEqual(job?.dueAt, clock.now());
  assert.equal((await takeDue({ store, clock }, "deferred"))?.subject, id);
  assert.deepEqual(await retryNow({ store, clock }, { id }), { kind: "tried-now" });
  assert.deepEqual(await retryNow({ store, clock }, { id: "gone" }), { kind: "not-deferred" });
});

onBoth("a message is sent or cancelled, never both", async (open) => {
  for (const first of ["sent", "cancelled"] as const) {
    await using store = await open();
    const came: string[] = [];
    let id = "";
    const world = await deferralWorld(store, {
      meanwhile: async (doing) => {
        if (doing === "encrypting" && first === "cancelled") came.push(await world.cancel(id));
      },
    });
    await world.send(MESSAGE, [BOB]);
    id = (await world.waiting())[0]?.id ?? "";
    world.known.set(BOB, "found");
    const turn = async () => world.pass(2 * MINUTE);
    if (first === "sent") came.push(await world.cancel(id, turn));
    else await turn();
    const [copy, ...more] = world.relayed;
    assert.deepEqual([came, more], [[first === "sent" ? "not-deferred" : "cancelled"], []]);
    const [to] = copy?.envelope.recipients.map(formatAddress) ?? [];
    assert.equal(to, first === "sent" ? BOB : formatAddress(alice));
    assert.equal(await world.left(), 0);
    const audit = await Array.fromAsync(listAudit(store));
    const isNoted = audit.some(({ action }) => action === "mail.cancelled");
    assert.equal(isNoted, first === "cancelled");
  }
});

onBoth("what a program sent without a return path is cancelled without a bounce", async (open) => {
  await using store = await open();
  const world = await deferralWorld(store, { policy: "prefer-pickup" });
  assert.match(await world.send(MESSAGE, [BOB], { from: undefined }), /^250 .*waits/);
  const [message] = await world.waiting();
  assert.equal(await world.cancel(message?.id ?? ""), "cancelled");
  await world.pass(MINUTE);
  assert.deepEqual(world.relayed, []);
  assert.equal(await world.left(), 0);
});
