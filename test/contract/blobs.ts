/** What every place of bodies must do. Each runs these tests, on both engines. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";

import type { BlobStore } from "../../src/blobs/blobs.ts";
import { HOUR, MINUTE } from "../../src/base/time.ts";
import type { BlobPlace, PutBlob } from "../../src/store/mail/blobs.ts";
import { expungeDue, removeMessages } from "../../src/store/mailbox/message-changes.ts";
import { insertMailboxMessage } from "../../src/store/mailbox/messages.ts";
import type { Store } from "../../src/store/store.ts";
import type { AccountId } from "../../src/words/account.ts";
import { mailboxRow } from "../support/store-calls/mailbox.ts";

/** How what is kept of a blob is spoilt, behind its store's back. */
export type Spoil = "missing" | "cut" | "longer" | "altered";

/** A place under test. */
export type BlobWorld = AsyncDisposable & {
  readonly store: Store;
  readonly account: AccountId;
  readonly place: BlobPlace;
  /** As another process opens it; with new bodies in another place, if one is given. */
  readonly open: (place?: BlobPlace) => BlobStore;
  /** The names of the blobs whose octets are kept. */
  readonly kept: () => Promise<readonly string[]>;
  readonly spoil: (id: string, how: Spoil) => Promise<void>;
  readonly now: () => Date;
  /** Moves the clock on. */
  readonly advance: (ms: number) => void;
};

/** Larger than a row of the database takes, and than a slice of a file. */
const LARGE = 3_500_000;

/** Stores a message with this body. @returns its ID; undefined when it was there already. */
async function addMessage(
  { store, account }: BlobWorld,
  blob: PutBlob | { readonly id: string },
  once: string = randomUUID(),
): Promise<string | undefined> {
  const message = { ...mailboxRow(randomUUID()), once, blob };
  const inserted = await insertMailboxMessage(store, account, message);
  return inserted?.isNew === true ? inserted.id : undefined;
}

/** Deletes a message, and what was its alone. */
async function deleteMessage(world: BlobWorld, id: string | undefined): Promise<void> {
  assert(id !== undefined);
  const { store, account } = world;
  await removeMessages(store, account, [id], world.now());
  const { gone } = await expungeDue(store, world.now());
  await world.open().remove(gone);
}

/** Runs the suite on worlds that `make` gives, which are disposed. */
export function testBlobs(name: string, make: () => Promise<BlobWorld>): void {
  const blobTest = (what: string, work: (world: BlobWorld) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      await using world = await make();
      await work(world);
    });
  };

  blobTest("what was put is read by every process, whatever its size", async (world) => {
    for (const size of [0, 1, 4096, LARGE]) {
      const octets = randomBytes(size);
      const pieces = [octets.subarray(0, 1), octets.subarray(1)];
      const blob = await world.open().put(size === 4096 ? octets : pieces);
      assert.deepEqual([blob.place, blob.sizeBytes], [world.place, size]);
      await addMessage(world, blob);
      const read = await world.open().read(blob.id);
      assert(read !== undefined && Buffer.compare(read, octets) === 0, String(size));
    }
    assert.equal(await world.open().read(randomUUID()), undefined);
  });

  blobTest("what was put before the configuration changed stays readable", async (world) => {
    const before = await world.open().put(randomBytes(100));
    await addMessage(world, before);
    const other = world.place === "folder" ? "database" : "folder";
    const after = await world.open(other).put(randomBytes(200));
    assert.equal(after.place, other);
    await addMessage(world, after);
    for (const place of ["database", "folder"] as const) {
      assert.equal((await world.open(place).read(before.id))?.length, 100);
      assert.equal((await world.open(place).read(after.id))?.length, 200);
    }
  });

  blobTest("a blob is kept until the last message that refers to it is deleted", async (world) => {
    const blob = await world.open().put(randomBytes(100));
    const first = await addMessage(world, blob);
    const copy = await addMessage(world, { id: blob.id });
    await deleteMessage(world, first);
    assert.equal((await world.open().read(blob.id))?.length, 100);
    await deleteMessage(world, copy);
    assert.equal(await world.open().read(blob.id), undefined);
    assert.deepEqual(await world.kept(), []);
  });

  blobTest("octets without a row are swept once they are an hour old", async (world) => {
    const kept = await world.open().put(randomBytes(100));
    await addMessage(world, kept);
    await world.open().put(randomBytes(100));
    assert.equal((await world.open().sweep()).deleted, 0);
    world.advance(HOUR + MINUTE);
    await world.open().sweep();
    assert.deepEqual(await world.kept(), [kept.id]);
    assert.equal((await world.open().read(kept.id))?.length, 100);
  });

  blobTest("a crash between the row and its octets leaves them to the sweep", async (world) => {
    const blob = await world.open().put(randomBytes(100));
    const id = await addMessage(world, blob);
    assert(id !== undefined);
    await removeMessages(world.store, world.account, [id], world.now());
    // What was deleted is told to nobody.
    await expungeDue(world.store, world.now());
    assert.equal(await world.open().read(blob.id), undefined);
    world.advance(HOUR + MINUTE);
    await world.open().sweep();
    assert.deepEqual(await world.kept(), []);
  });

  blobTest("whoever writes no row removes what was put, once or twice", async (world) => {
    const first = await world.open().put(randomBytes(100));
    await addMessage(world, first, "once");
    const again = await world.open().put(randomBytes(100));
    assert.equal(await addMessage(world, again, "once"), undefined);
    await world.open().remove([again]);
    await world.open().remove([again]);
    assert.deepEqual(await world.kept(), [first.id]);
  });

  blobTest("no row names what a sweep took, however the clock went meanwhile", async (world) => {
    const late = await world.open().put(randomBytes(100));
    world.advance(2 * HOUR);
    await world.open().sweep();
    // In the database nothing was there to be swept.
    if (world.place !== "database") {
      await assert.rejects(addMessage(world, late), /swept before its row was written/);
      assert.equal(await world.open().read(late.id), undefined);
    }
  });

  blobTest(
    "sweeps of two processes beside puts and deletions lose no row its octets",
    async (world) => {
      const bodies = new Map<string, Buffer>();
      const putSome = async (count: number): Promise<void> => {
        const blobs = world.open();
        for (let at = 0; at < count; at += 1) {
          const octets = randomBytes(500 + at);
          try {
            const blob = await blobs.put(octets);
            // Some are abandoned. The clock is so far ahead that a sweep may take any of them.
            if (at % 3 === 0) continue;
            const id = await addMessage(world, blob);
            if (at % 3 === 1) await deleteMessage(world, id);
            else bodies.set(blob.id, octets);
          } catch (error) {
            assert.match(String(error), /swept before its row was written|cannot be written/);
          }
        }
      };
      world.advance(2 * HOUR);
      let isOver = false;
      const sweepOn = async (): Promise<void> => {
        const blobs = world.open();
        while (!isOver) await blobs.sweep();
      };
      const sweeping = [sweepOn(), sweepOn()];
      await Promise.all([putSome(60), putSome(60)]).finally(() => {
        isOver = true;
      });
      await Promise.all(sweeping);
      for (const [id, octets] of bodies) {
        const read = await world.open().read(id);
        assert(read !== undefined && Buffer.compare(read, octets) === 0);
      }
      await world.open().sweep();
      assert.deepEqual([...(await world.kept())].toSorted(), [...bodies.keys()].toSorted());
    },
  );

  for (const size of [100, LARGE]) {
    for (const how of ["missing", "cut", "longer"] as const) {
      blobTest(
        `what is ${how} is not read, and the error says what to do (${size})`,
        async (world) => {
          const blob = await world.open().put(randomBytes(size));
          await addMessage(world, blob);
          await world.spoil(blob.id, how);
          await assert.rejects(world.open().read(blob.id), { temporary: true, message: /backup/ });
        },
      );
    }

    blobTest(`what is altered has the size of its row (${size})`, async (world) => {
      const blob = await world.open().put(randomBytes(size));
      await addMessage(world, blob);
      await world.spoil(blob.id, "altered");
      assert.equal((await world.open().read(blob.id))?.length, size);
    });
  }
}
