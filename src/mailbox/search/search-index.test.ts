import assert from "node:assert/strict";
import { test } from "node:test";

import { summaryMail } from "../../../test/contract/mailbox-world.ts";
import { embeddedMailbox, type EmbeddedMailbox } from "../../../test/support/embedded-mailbox.ts";
import { engines } from "../../../test/support/engines.ts";
import { openTestStore } from "../../../test/support/tag-keys.ts";
import { HOUR, MINUTE } from "../../base/time.ts";
import { migrate } from "../../store/engine/migrate.ts";
import { openServingStore } from "../../store/engine/serving-store.ts";
import { expungeDue } from "../../store/mailbox/message-changes.ts";
import { listSegments } from "../../store/mailbox/search-segments.ts";
import { countTerms } from "../../store/mailbox/search-terms.ts";
import type { Store } from "../../store/store.ts";
import type { Mailbox, MessageId } from "../mailbox.ts";

/** Enough for a segment. */
const MANY = 300;

/** Messages `from` to `to`: each has a word of its own, and one of seven that others have. */
async function append(mailbox: Mailbox, from: number, to: number): Promise<readonly MessageId[]> {
  const ids: MessageId[] = [];
  for (let at = from; at < to; at += 1) {
    const text = `number${String(at)}x day${String(at % 7)} tide`;
    const appended = await mailbox.append(summaryMail(String(at), { text, minutes: at }));
    assert(appended.kind === "appended");
    ids.push(appended.id);
  }
  return ids;
}

async function found(mailbox: Mailbox, text: string): Promise<readonly number[]> {
  const page = await mailbox.search({ text }, { limit: 200 });
  assert(page.kind === "found");
  return page.entries.map(({ summary }) => Number(summary?.subject)).toReversed();
}

const those = (length: number, isMeant: (at: number) => boolean): readonly number[] =>
  Array.from({ length }, (_, at) => at).filter(isMeant);

/** Every message of `length` is found by its words, once. */
async function assertAllFound(mailbox: Mailbox, length: number): Promise<void> {
  for (let day = 0; day < 7; day += 1) {
    const expected = those(length, (at) => at % 7 === day);
    assert.deepEqual(await found(mailbox, `day${String(day)}`), expected);
  }
  for (const at of [0, 1, 17, length - 1]) {
    assert.deepEqual(await found(mailbox, `NUMBER${String(at)}x ti`), [at]);
  }
  assert.deepEqual(await found(mailbox, "number5x day1"), []);
}

async function segmentsOf({ store, account }: EmbeddedMailbox): Promise<readonly number[]> {
  const counts = await countTerms(store, account.id);
  const segments = await listSegments(store, account.id);
  return segments.map(({ id }) => counts.get(id) ?? 0);
}

async function looseOf({ store, account }: EmbeddedMailbox): Promise<number> {
  return (await countTerms(store, account.id)).get("") ?? 0;
}

for (const { engine, place } of engines()) {
  const indexTest = (
    what: string,
    work: (made: EmbeddedMailbox, other: Store) => Promise<void>,
  ): void => {
    test(`${engine}: ${what}`, async () => {
      const at = await place();
      await using first = await openTestStore(at);
      await migrate(first);
      await embeddedMailbox(first);
      // SQLite waits for locks in threads of its own, as in two processes.
      await using store = await openServingStore(at);
      await using other = await openServingStore(at);
      for (const one of [store, other]) one.tagKeys = first.tagKeys;
      await work(await embeddedMailbox(store), other);
    });
  };

  indexTest("messages that fill a segment alone keep no others out of the index", async (world) => {
    const mailbox = world.open();
    const long = Array.from({ length: 20_000 }, (_, at) => `w${at.toString(36)}`).join(" ");
    for (let at = 0; at < 51; at += 1) {
      const text = `number${String(at)}x day${String(at % 7)} tide ${long}`;
      await mailbox.append(summaryMail(String(at), { text, minutes: at }));
    }
    await append(mailbox, 51, 51 + MANY);
    const signal = AbortSignal.timeout(2 * MINUTE);
    await mailbox.catchUp({ signal });
    assert(!signal.aborted, "it ends by itself");
    assert((await segmentsOf(world)).length > 1);
    assert((await looseOf(world)) < 256);
    await assertAllFound(mailbox, 51 + MANY);
  });

  indexTest(
    "hundreds of messages become a segment, which grows into the next one",
    async (made) => {
      await append(made.open(), 0, 200);
      await made.open().catchUp();
      assert.deepEqual(await segmentsOf(made), []);
      await append(made.open(), 200, MANY);
      await made.open().catchUp();
      assert.deepEqual([await segmentsOf(made), await looseOf(made)], [[MANY], 0]);
      const mailbox = made.open();
      await assertAllFound(mailbox, MANY);
      await append(mailbox, MANY, 600);
      await mailbox.catchUp();
      assert.deepEqual([await segmentsOf(made), await looseOf(made)], [[600], 0]);
      // One that was opened before the segments were replaced, and another.
      await assertAllFound(mailbox, 600);
      await assertAllFound(made.open(), 600);
    },
  );

  indexTest(
    "two processes index the same mail, and each message is found once",
    async (made, store) => {
      await append(made.openClosed(), 0, MANY);
      const other = await embeddedMailbox(store);
      const counts = await Promise.all([made.open().catchUp(), other.open().catchUp()]);
      assert.equal(counts[0] + counts[1], MANY);
      await Promise.all([made.open().catchUp(), other.open().catchUp()]);
      assert.deepEqual([await segmentsOf(made), await looseOf(made)], [[MANY], 0]);
      await assertAllFound(other.open(), MANY);
    },
  );

  indexTest(
    "a search misses nothing while another process writes the index",
    async (made, store) => {
      await append(made.openClosed(), 0, MANY);
      await made.open().catchUp();
      const other = (await embeddedMailbox(store)).open();
      await append(made.open(), MANY, 600);
      const writing = { isOver: false };
      const indexing = made
        .open()
        .catchUp()
        .finally(() => (writing.isOver = true));
      while (!writing.isOver) assert.deepEqual(await found(other, "number17x"), [17]);
      await indexing;
      await assertAllFound(other, 600);
    },
  );

  indexTest("what is altered is never believed, and is made again", async (made) => {
    const { store } = made;
    await append(made.open(), 0, MANY);
    await made.open().catchUp();
    const alter = {
      block: async () =>
        store.db
          .updateTable("search_blocks")
          .set({ bytes: Buffer.alloc(40) })
          .execute(),
      head: async () =>
        store.db
          .updateTable("search_segments")
          .set({ head: Buffer.alloc(40) })
          .execute(),
      shortened: async () =>
        store.db
          .updateTable("search_segments")
          .set({ head: Buffer.alloc(4) })
          .execute(),
    };
    for (const [what, act] of Object.entries(alter)) {
      await act();
      await assertAllFound(made.open(), MANY);
      assert.deepEqual([await segmentsOf(made), await looseOf(made)], [[], MANY], what);
      await made.open().catchUp();
      assert.deepEqual([await segmentsOf(made), await looseOf(made)], [[MANY], 0], what);
      await assertAllFound(made.open(), MANY);
    }
    await store.db.updateTable("search_terms").set({ segment: "missing" }).execute();
    assert.deepEqual(await found(made.open(), "number17x"), []);
    await made.open().catchUp();
    await assertAllFound(made.open(), MANY);
    await store.db
      .updateTable("search_terms")
      .set({ segment: "", terms: Buffer.alloc(40) })
      .execute();
    assert.deepEqual(await found(made.open(), "number17x"), []);
    assert.equal(await made.open().catchUp(), MANY);
    await assertAllFound(made.open(), MANY);
  });

  indexTest("a segment under a key that is not open is left alone", async (made) => {
    const { store } = made;
    await append(made.open(), 0, MANY);
    await made.open().catchUp();
    await store.db.updateTable("search_segments").set({ key: "FORMER" }).execute();
    await store.db.updateTable("search_terms").set({ key: "FORMER" }).execute();
    assert.deepEqual(await found(made.open(), "tide"), []);
    assert.equal(await made.open().catchUp(), 0);
    assert.deepEqual([await segmentsOf(made), await looseOf(made)], [[MANY], 0]);
  });

  indexTest("deleted messages leave the index when half of a segment is gone", async (made) => {
    const { store, clock, account } = made;
    const ids = await append(made.open(), 0, MANY);
    await made.open().catchUp();
    const remove = async (some: readonly MessageId[]): Promise<void> => {
      await made.open().remove(some);
      clock.advance(HOUR + MINUTE);
      while ((await expungeDue(store, clock.now())).messages > 0);
      await made.open().catchUp();
    };
    const made1 = await listSegments(store, account.id);
    await remove(ids.slice(200));
    await assertAllFound(made.open(), 200);
    assert.deepEqual(await listSegments(store, account.id), made1);
    await remove(ids.slice(100, 200));
    await assertAllFound(made.open(), 100);
    const [rewritten] = await listSegments(store, account.id);
    assert.equal(rewritten?.messages, 100);
    await remove(ids);
    assert.deepEqual(await segmentsOf(made), []);
    assert.deepEqual(await store.db.selectFrom("search_blocks").selectAll().execute(), []);
  });

  indexTest("an interruption at any step loses nothing", async (made) => {
    const { store } = made;
    await append(made.openClosed(), 0, MANY);
    const transaction = store.transaction.bind(store);
    let interruptions = 0;
    for (let steps = 1; ; steps += 3) {
      let left = steps;
      store.transaction = async (work, repetition) => {
        left -= 1;
        return transaction(async (tx) => {
          const value = await work(tx);
          if (left < 0) throw new Error("interrupted before the commit");
          return value;
        }, repetition);
      };
      const isDone = await made
        .open()
        .catchUp()
        .then(
          () => true,
          () => false,
        );
      store.transaction = transaction;
      if (isDone) break;
      interruptions += 1;
      const everything = await found(made.open(), "tide");
      assert.equal(new Set(everything).size, everything.length);
    }
    assert(interruptions > 1);
    assert.deepEqual([await segmentsOf(made), await looseOf(made)], [[MANY], 0]);
    await assertAllFound(made.open(), MANY);
  });

  indexTest("indexing ends when its signal says so, and goes on where it was", async (made) => {
    await append(made.open(), 0, MANY);
    const ending = new AbortController();
    const told: number[] = [];
    const progress = (done: number): void => {
      told.push(done);
      if (done >= 100) ending.abort();
    };
    assert.equal(await made.open().catchUp({ signal: ending.signal, progress }), 100);
    assert.deepEqual(told, [50, 100]);
    assert.equal((await found(made.open(), "tide")).length, 100);
    assert.equal(await made.open().catchUp(), 200);
    await assertAllFound(made.open(), MANY);
  });
}
