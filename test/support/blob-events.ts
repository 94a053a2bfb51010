/** What happens to bodies in a folder, for those who interrupt it: each from the same state. */
import assert from "node:assert/strict";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";

import { openBlobs, type BlobStore } from "../../src/blobs/blobs.ts";
import { fileOf } from "../../src/blobs/body-files.ts";
import { after, fromUnixMs, HOUR, systemClock, type Clock } from "../../src/base/time.ts";
import { expungeRemoved } from "../../src/mailbox/embedded/expunge.ts";
import { lockAccount } from "../../src/store/accounts/account-locks.ts";
import { eraseAccount } from "../../src/store/accounts/erase.ts";
import { removeMessages } from "../../src/store/mailbox/message-changes.ts";
import { insertMailboxMessage } from "../../src/store/mailbox/messages.ts";
import type { BlobPlace } from "../../src/store/mail/blobs.ts";
import type { Store } from "../../src/store/store.ts";
import type { Place } from "./key-event-places.ts";
import { haveAccounts, idOf } from "./accounts.ts";
import { addressOf } from "./address.ts";
import { mailboxRow } from "./store-calls/mailbox.ts";

const bob = addressOf("bob@beta.test");
const carol = addressOf("carol@beta.test");

type World = { readonly store: Store; readonly folder: string };
type Event = (world: World, blobs: BlobStore) => Promise<unknown>;

/** Where the bodies of a place are. */
export function folderOf({ keyDir }: Pick<Place, "keyDir">): string {
  return join(keyDir, "bodies");
}

/** The events by their names. Each may be done once more. */
export const BLOB_EVENTS: Readonly<Record<string, Event>> = {
  put: async ({ store }, blobs) => add({ store, blobs }, "new", 70_000),
  "put a large one": async ({ store }, blobs) => add({ store, blobs }, "new", 3_000_000),
  delete: async ({ store }, blobs) => expungeRemoved({ store, blobs, clock: systemClock }),
  erase: async ({ store }, blobs) => {
    const now = systemClock.now();
    const erased = idOf(carol);
    const gone = await store.transaction(async (tx) =>
      (await lockAccount(tx, erased)) ? eraseAccount(tx, erased, now) : [],
    );
    await blobs.remove(gone);
  },
  sweep: async (world) => later(world).sweep(),
};

/** Mail of two accounts in both places, removed messages, and files that no row names. */
export async function makeBodies(world: World): Promise<void> {
  const { store } = world;
  await haveAccounts(store, bob);
  await haveAccounts(store, carol);
  const blobs = openIn(world);
  const shared = await add({ store, blobs }, "shared", 100);
  await insertMailboxMessage(store, idOf(bob), { ...mailboxRow("copy"), blob: { id: shared } });
  for (const [at, id] of ["kept", "removed", "removed too"].entries()) {
    await add({ store, blobs }, id, 200 + at);
  }
  await add({ store, blobs: openIn(world, "database") }, "in the database", 300);
  const going = ["removed", "removed too", "copy"];
  await removeMessages(store, idOf(bob), going, fromUnixMs(1));
  for (const [at, id] of ["hers", "hers too"].entries()) {
    await add({ store, blobs }, id, 400 + at, idOf(carol));
  }
  for (let at = 0; at < 3; at += 1) {
    const { id } = await blobs.put(octetsOf(500 + at));
    if (at > 0) await utimes(fileOf(world.folder, id), 1, 1);
  }
}

/** Each row has its octets; after the event was done again and a sweep, the folder has nothing else. */
export async function requireWhole(world: World, event: string): Promise<void> {
  const { store } = world;
  await requireOctets(world);
  await BLOB_EVENTS[event]?.(world, openIn(world));
  await requireOctets(world);
  await later(world).sweep();
  await requireOctets(world);
  const rows = await store.db.selectFrom("blobs").select(["id", "place"]).execute();
  const named = rows.filter(({ place }) => place === "folder").map(({ id }) => id);
  const entries = await readdir(world.folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  assert.deepEqual(files.toSorted(), named.toSorted());
  const messages = await store.db.selectFrom("mailbox_messages").select("id").execute();
  const isNew = event.startsWith("put");
  assert.equal(messages.filter(({ id }) => id === "new").length, isNew ? 1 : 0);
}

async function requireOctets(world: World): Promise<void> {
  const blobs = openIn(world);
  for (const { id, size } of await world.store.db
    .selectFrom("blobs")
    .select(["id", "size"])
    .execute()) {
    const octets = await blobs.read(id);
    assert(octets !== undefined && Buffer.compare(octets, octetsOf(size)) === 0, id);
  }
}

/** Bodies as a process of an installation has them. */
export function openIn(
  { store, folder }: World,
  bodies: BlobPlace = "folder",
  clock: Clock = systemClock,
): BlobStore {
  return openBlobs({ store, clock }, { bodies, bodiesFolder: folder });
}

function later(world: World): BlobStore {
  return openIn(world, "folder", { now: () => after(systemClock.now(), 2 * HOUR) });
}

/** Stores a message once. @returns the name of its blob. */
async function add(
  { store, blobs }: { readonly store: Store; readonly blobs: BlobStore },
  id: string,
  size: number,
  account = idOf(bob),
): Promise<string> {
  const blob = await blobs.put(octetsOf(size));
  const inserted = await insertMailboxMessage(store, account, { ...mailboxRow(id), blob });
  if (inserted?.isNew !== true) await blobs.remove([blob]);
  return blob.id;
}

/** The body of this size: no two sizes here have the same octets. */
function octetsOf(size: number): Buffer {
  return Buffer.alloc(size, size % 251);
}
