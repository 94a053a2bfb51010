/** What a user is told in their mailbox when mail of theirs left in clear, from the submission on. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { deferralWorld, MESSAGE as WAITS } from "../../test/support/deferral-world.ts";
import { engines } from "../../test/support/engines.ts";
import { alice } from "../../test/support/key-life.ts";
import { MESSAGE, sentIn, worldIn } from "../../test/support/sent-world.ts";
import { HOUR, MINUTE } from "../base/time.ts";
import { standardFolder, type Cursor, type Mailbox } from "../mailbox/mailbox.ts";
import { noticesOf } from "../mailbox/sent-notices.ts";
import { unlockWithService } from "../vault/vault.ts";

async function noticesIn(mailbox: Mailbox, page: { after?: Cursor; limit?: number } = {}) {
  const found = await noticesOf(mailbox, { limit: 10, ...page });
  assert(found.kind === "notices");
  return found;
}

/** Whom the notices of a mailbox name, with the state of each, and because of which states. */
async function saidIn(mailbox: Mailbox) {
  return (await noticesIn(mailbox)).notices.map(({ said }) => [
    said?.because,
    said?.recipients.map(({ address, code }) => `${address} ${code}`.trim()),
  ]);
}

function numbered(id: number): string {
  return MESSAGE.replace("<1@", `<${String(id)}@`);
}

const CAROL = "carol@legacy.test";

for (const { engine, open } of engines()) {
  test(`${engine}: mail that left in clear for lack of a certificate has a notice, and no other mail has one`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await world.send(numbered(1), ["bob@beta.test", "ben@beta.test"]);
    await world.send(numbered(2), ["bob@beta.test"], { policy: "off" });
    await world.send(numbered(3), [CAROL], { policy: "require" });
    assert.deepEqual(await world.inMailbox(saidIn), []);
    await world.send(numbered(4), ["bob@beta.test", CAROL]);
    assert.deepEqual(await world.inMailbox(saidIn), [
      [["NOSVC"], ["bob@beta.test OK", `${CAROL} NOSVC`]],
    ]);
  });

  test(`${engine}: a message that leaves once more in clear says so, whatever it was at first`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const both = ["bob@beta.test", CAROL];
    await world.send(MESSAGE, both, { split: true });
    await world.send(MESSAGE, both);
    await world.send(numbered(2), [CAROL], { policy: "off" });
    await world.send(numbered(2), [CAROL]);
    await world.send(numbered(3), [CAROL]);
    await world.send(numbered(3), [CAROL], { policy: "require" });
    const said = await world.inMailbox(saidIn);
    assert.deepEqual(said.toReversed(), [
      [["NOSVC"], ["bob@beta.test OK", `${CAROL} NOSVC`]],
      [["NOSVC"], [`${CAROL} NOSVC`]],
      [["NOSVC"], [`${CAROL} NOSVC`]],
    ]);
  });

  test(`${engine}: of a split message the notice names those who got it in clear`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    assert.match(await world.send(MESSAGE, ["bob@beta.test", CAROL], { split: true }), /^250 /);
    assert.deepEqual(await world.inMailbox(saidIn), [[["NOSVC"], [`${CAROL} NOSVC`]]]);
  });

  test(`${engine}: notices come page by page, the newest first, and nothing of them is there without the key`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    for (const id of [1, 2, 3]) {
      world.deps.clock.advance(MINUTE);
      await world.send(numbered(id), [CAROL]);
      await world.send(numbered(10 + id), ["bob@beta.test"]);
    }
    const now = world.deps.clock.now();
    assert.deepEqual(await noticesOf(world.closed(), { limit: 10 }), { kind: "closed" });
    await world.inMailbox(async (mailbox) => {
      const first = await noticesIn(mailbox, { limit: 2 });
      assert(first.next);
      const rest = await noticesIn(mailbox, { limit: 2, after: first.next });
      const minutes = [...first.notices, ...rest.notices].map(
        ({ at }) => (now.getTime() - at.getTime()) / MINUTE,
      );
      assert.deepEqual(minutes, [0, 1, 2]);
    });
  });

  test(`${engine}: a notice goes where its message goes, once, and goes with it`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await world.send(MESSAGE, [CAROL]);
    await world.inMailbox(async (mailbox) => {
      const [entry] = await sentIn(mailbox);
      assert(entry);
      await mailbox.catchUp();
      await mailbox.move([entry.id], standardFolder("archive"));
      await mailbox.copy([entry.id], standardFolder("sent"));
      const { notices } = await noticesIn(mailbox);
      assert.deepEqual(
        notices.map(({ id }) => id),
        [entry.id],
      );
      const named = await mailbox.search({ hasNotice: true, to: "carol" }, { limit: 10 });
      assert(named.kind === "found");
      assert.deepEqual(
        named.entries.map(({ id }) => id),
        [entry.id],
      );
      await mailbox.remove([entry.id]);
      assert.deepEqual((await noticesIn(mailbox)).notices, []);
    });
  });

  test(`${engine}: a message that waited has a notice from when it leaves in clear`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    const notices = async () => {
      using keys = await unlockWithService(world.deps, idOf(alice));
      assert(keys);
      const mailbox = world.mailboxOf(store, { id: idOf(alice), address: alice }, keys);
      return (await noticesIn(mailbox)).notices;
    };
    const others = ["bob@beta.test", "ben@beta.test"];
    await world.send(WAITS, others);
    await world.pass(3 * HOUR);
    assert.deepEqual(await notices(), []);
    world.known.set("bob@beta.test", "absent").set("ben@beta.test", "found");
    await world.pass(HOUR);
    const [notice, ...more] = await notices();
    assert(notice?.said && more.length === 0);
    assert.deepEqual(notice.said.because, ["NOSVC"]);
    assert.deepEqual(
      notice.said.recipients.map(({ address }) => address),
      others,
    );
    const age = world.clock.now().getTime() - notice.at.getTime();
    assert(age < HOUR, "it says when it left, and not when it was accepted");
    // What became of it is folded into its summary later.
    await world.sent(true);
    assert.deepEqual(await notices(), [notice]);
  });

  test(`${engine}: a message that waited and leaves sealed, or does not leave, has no notice`, async () => {
    for (const known of ["found", "unsure"] as const) {
      await using store = await open();
      const world = await deferralWorld(store);
      await world.send(WAITS, ["bob@beta.test"]);
      world.known.set("bob@beta.test", known);
      await world.pass(26 * HOUR);
      const rows = await store.db.selectFrom("mailbox_messages").select("has_notice").execute();
      assert.deepEqual(
        rows.map((row) => row.has_notice),
        [0],
      );
    }
  });
}
