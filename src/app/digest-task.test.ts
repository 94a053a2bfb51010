/** Who is told once a day that mail of theirs left in clear, and of what. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { deferralWorld, MESSAGE as WAITS } from "../../test/support/deferral-world.ts";
import { engines } from "../../test/support/engines.ts";
import { alice } from "../../test/support/key-life.ts";
import { lootFrom } from "../../test/support/loot.ts";
import { came } from "../../test/support/outcome.ts";
import { MESSAGE, worldIn } from "../../test/support/sent-world.ts";
import { testTagKeys } from "../../test/support/tag-keys.ts";
import { after, DAY, HOUR, SECOND } from "../base/time.ts";
import { runOnce } from "../jobs/tasks.ts";
import { closeAccount } from "../keys/end-account.ts";
import { dayText } from "../locales/dates.ts";
import { formatAddress } from "../mail/address.ts";
import type { Copy } from "../outgoing/copy.ts";
import { changeDigest } from "../outgoing/digest/change-digest.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openServingStore } from "../store/engine/serving-store.ts";
import type { Store, StoreOptions } from "../store/store.ts";

const CAROL = "carol@legacy.test";
const ON = { digest: true } as const;

type World = Awaited<ReturnType<typeof worldIn>>;

let count = 0;

/** Sends a message to somebody without a certificate, and a blind copy to ben. */
async function sendClear(world: World, options: Parameters<World["send"]>[2] = ON): Promise<void> {
  count += 1;
  const text = MESSAGE.replace("<1@", `<clear-${String(count)}@`);
  const reply = await world.send(text, [CAROL, "ben@beta.test"], options);
  assert.match(reply, /^250 .*NOT ENCRYPTED/);
}

/** The digests among what the next hop got since this was asked last. */
async function digestsIn(world: World): Promise<readonly string[]> {
  world.relayed.length = 0;
  await world.sendWaiting();
  const copies = world.relayed.splice(0).filter(({ envelope }) => envelope.from === undefined);
  return copies.map((copy) => textOf(copy));
}

function textOf({ envelope, message }: Copy): string {
  assert.deepEqual(envelope.recipients.map(formatAddress), ["alice@alpha.test"]);
  return Buffer.from(message).toString();
}

/** What is counted, by reason; "": all. */
async function countsIn(store: Store): Promise<Readonly<Record<string, number>>> {
  const rows = await store.db.selectFrom("clear_counts").selectAll().execute();
  return Object.fromEntries(rows.map(({ reason, messages }) => [reason, messages]));
}

/** The day of a clock, as a digest names it. */
/** As a pattern: a long subject goes on in another line. */
function dayOf({ clock }: World["deps"]): string {
  return dayText(clock.now(), "en").replaceAll(" ", String.raw`\s+`);
}

async function serving(place: StoreOptions): Promise<Store> {
  const store = await openServingStore(place);
  store.tagKeys = testTagKeys();
  return store;
}

for (const { engine, open, place } of engines()) {
  test(`${engine}: over two days two processes tell once a day, and of that day alone`, async () => {
    const shared = await place();
    await using one = await serving(shared);
    await migrate(one);
    await using other = await serving(shared);
    await using world = await worldIn(one, "database");
    const { clock } = world.deps;
    const stores = [one, other, one, other];
    /** What hourly tasks come to in a day; at each hour all processes ask, and some do so without a lease. */
    const day = async (): Promise<readonly string[]> => {
      const told: string[] = [];
      for (let hour = 0; hour < 24; hour += 1) {
        clock.advance(HOUR);
        const tasks = stores.map((store) => ({ store, task: world.digests(ON, { store }) }));
        await Promise.all(
          tasks.map(async ({ store, task }, at) =>
            at < 2 ? runOnce({ store, clock }, task) : task.run(),
          ),
        );
        told.push(...(await digestsIn(world)));
      }
      return told;
    };
    await sendClear(world);
    await sendClear(world);
    await world.send(MESSAGE, ["bob@beta.test"], ON);
    const before = dayOf(world.deps);
    const [first, ...more] = await day();
    assert(first !== undefined && more.length === 0);
    assert.match(first, new RegExp(`^Subject: .*: ${before}\r$`, "m"));
    assert.match(first, /2 messages.*^ {5}2 {2}.*\(NOSVC\)\r$/ms);
    await sendClear(world);
    const next = dayOf(world.deps);
    const [second, ...others] = await day();
    assert(second !== undefined && others.length === 0);
    assert.match(second, new RegExp(`^Subject: .*: ${next}\r$`, "m"));
    assert.match(second, /One message.*^ {5}1 {2}.*\(NOSVC\)\r$/ms);
    assert.deepEqual(await day(), []);
    assert.deepEqual(await countsIn(one), {});
  });

  test(`${engine}: neither the digest nor what is counted for it says whom a message was for, or of what`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await sendClear(world);
    assert.deepEqual(await countsIn(store), { "": 1, NOSVC: 1 });
    const secret = /CANARY|carol|legacy|ben@/;
    const counts = await store.db.selectFrom("clear_counts").selectAll().execute();
    assert.doesNotMatch(JSON.stringify(counts), secret);
    world.deps.clock.advance(DAY);
    await store.db.deleteFrom("outbox").execute();
    await world.digests(ON).run();
    const { values } = await lootFrom(store);
    assert(!Buffer.concat(values).toString("latin1").includes("messages that you sent"));
    const [text] = await digestsIn(world);
    assert(text !== undefined);
    assert.doesNotMatch(text, secret);
    assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
  });

  test(`${engine}: what is sealed, and what its sender wanted in clear, is not counted; of a split message its clear part is`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await world.send(MESSAGE, ["bob@beta.test"], ON);
    await world.send(MESSAGE.replace("<1@", "<2@"), [CAROL], { ...ON, policy: "off" });
    await world.send(MESSAGE.replace("<1@", "<3@"), [CAROL], { ...ON, policy: "require" });
    assert.deepEqual(await countsIn(store), {});
    const both = ["bob@beta.test", CAROL];
    await world.send(MESSAGE.replace("<1@", "<4@"), both, { ...ON, split: true });
    // Copies of sent mail are not needed.
    await world.send(MESSAGE.replace("<1@", "<5@"), both, { ...ON, sentCopies: false });
    assert.deepEqual(await countsIn(store), { "": 2, NOSVC: 2 });
    await world.digests({ ...ON, sentCopies: false }).run();
    world.deps.clock.advance(DAY);
    await world.digests({ ...ON, sentCopies: false }).run();
    assert.match((await digestsIn(world)).join(""), /2 messages.*keeps no copies/s);
  });

  test(`${engine}: a message that waited is counted when it leaves in clear`, async () => {
    await using store = await open();
    const world = await deferralWorld(store);
    const change = { account: idOf(alice), wish: "on", by: "operator" } as const;
    await came(changeDigest({ ...world.deps, isDefault: false }, change), "changed");
    await world.send(WAITS, ["bob@beta.test"]);
    await world.pass(HOUR);
    assert.deepEqual(await countsIn(store), {});
    world.known.set("bob@beta.test", "absent");
    await world.pass(HOUR);
    assert.deepEqual(await countsIn(store), { "": 1, NOSVC: 1 });
  });

  test(`${engine}: users and the installation decide who gets a digest, and nothing is counted for others`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const { clock } = world.deps;
    const say = async (wish: "on" | "off" | undefined, isDefault: boolean): Promise<string> => {
      const change = { account: idOf(alice), wish, by: "operator" } as const;
      return (await changeDigest({ store, clock, isDefault }, change)).kind;
    };
    const toldAfter = async (digest: boolean): Promise<number> => {
      clock.advance(DAY);
      await world.digests({ digest }).run();
      return (await digestsIn(world)).length;
    };
    await sendClear(world, { digest: false });
    assert.deepEqual(await countsIn(store), {});
    assert.equal(await say("on", false), "changed");
    assert.equal(await say("on", false), "unchanged");
    await sendClear(world, { digest: false });
    assert.equal(await toldAfter(false), 1);
    await sendClear(world, { digest: false });
    assert.equal(await say("off", false), "changed");
    assert.deepEqual(await countsIn(store), {}, "whoever wants none has nothing counted");
    await sendClear(world, ON);
    assert.equal(await toldAfter(true), 0);
    assert.equal(await say(undefined, true), "changed");
    await sendClear(world, ON);
    assert.deepEqual(await countsIn(store), { "": 1, NOSVC: 1 });
    // The installation changed its mind since: what was counted goes, and nobody is told.
    assert.equal(await toldAfter(false), 0);
    assert.deepEqual(await countsIn(store), {});
    const audited = await store.db
      .selectFrom("audit")
      .select("detail")
      .where("action", "=", "digest.changed")
      .execute();
    assert.equal(audited.length, 3);
  });

  test(`${engine}: a digest that cannot be made is tried again for a week, and keeps nobody else's back`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const { clock } = world.deps;
    const broken = world.digests(ON, { wrap: async () => Promise.reject(new Error("no key")) });
    await sendClear(world);
    const first = dayOf(world.deps);
    clock.advance(DAY);
    await broken.run();
    assert.deepEqual(world.failed.splice(0), ["Error: no key"]);
    assert.deepEqual(await digestsIn(world), []);
    await sendClear(world);
    const last = dayOf(world.deps);
    clock.advance(DAY);
    await world.digests(ON).run();
    const [text, ...more] = await digestsIn(world);
    assert.match(text ?? "", new RegExp(`: ${first} to ${last}\r$.*2 messages`, "ms"));
    assert.equal(more.length, 0);
    await sendClear(world);
    clock.advance(9 * DAY);
    await broken.run();
    world.failed.length = 0;
    assert.deepEqual(await countsIn(store), {});
  });

  test(`${engine}: a clock that jumps forward loses no digest, and one that is set back holds none`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    const { clock } = world.deps;
    await sendClear(world);
    clock.advance(400 * DAY);
    await world.digests(ON).run();
    assert.equal((await digestsIn(world)).length, 1);
    await sendClear(world);
    clock.advance(-400 * DAY);
    await world.digests(ON).run();
    assert.equal((await digestsIn(world)).length, 0);
    // It is told with the next day that is over, and not with each hour of a host whose clock is ahead.
    await sendClear(world);
    clock.advance(DAY);
    await world.digests(ON).run();
    const [text, ...more] = await digestsIn(world);
    assert.match(text ?? "", /^2 messages/m);
    assert.equal(more.length, 0);
    // A host whose clock is ahead by a second counts the day to come, which is not over.
    const midnight = Math.ceil(clock.now().getTime() / DAY) * DAY - clock.now().getTime();
    clock.advance(midnight);
    await sendClear(world);
    clock.set(after(clock.now(), -SECOND));
    await world.digests(ON).run();
    assert.equal((await digestsIn(world)).length, 0);
  });

  test(`${engine}: a row that somebody else wrote is told as nothing, and keeps no digest back`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await sendClear(world);
    const account = idOf(alice);
    await store.db
      .insertInto("clear_counts")
      .values([
        { account, day: 1e12, reason: "NOSVC", messages: 1 },
        { account, day: 1, reason: "NOKEY", messages: -5 },
      ])
      .execute();
    world.deps.clock.advance(DAY);
    await world.digests(ON).run();
    const [text] = await digestsIn(world);
    assert.match(text ?? "", /^One message/m);
    assert.doesNotMatch(text ?? "", /NOKEY/);
    assert.deepEqual(world.failed, []);
    assert.deepEqual(await countsIn(store), {});
  });

  test(`${engine}: a closed account is told nothing, and nothing stays counted`, async () => {
    await using store = await open();
    await using world = await worldIn(store, "database");
    await sendClear(world);
    await closeAccount(world.deps, idOf(alice), undefined);
    world.deps.clock.advance(DAY);
    await world.digests(ON).run();
    assert.deepEqual(await digestsIn(world), []);
    assert.deepEqual(await countsIn(store), {});
  });
}
