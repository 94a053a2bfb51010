/** Waiting mail for tests, with its octets in the database. */
import { openBlobs, type BlobStore } from "../../src/blobs/blobs.ts";
import { systemClock } from "../../src/base/time.ts";
import type { MessageId } from "../../src/mailbox/mailbox.ts";
import {
  putMessage,
  storeMessage,
  type NewMessage,
  type SpoolDeps,
} from "../../src/spool/spool.ts";
import type { Store } from "../../src/store/store.ts";

/** Bodies in the database alone. */
export function blobsIn(store: Store): BlobStore {
  const places = { bodies: "database", bodiesFolder: "/nonexistent" } as const;
  return openBlobs({ store, clock: systemClock }, places);
}

export function spoolIn(store: Store): SpoolDeps {
  return { store, blobs: blobsIn(store) };
}

/** Stores a message that waits. @returns its ID, or that of the first one where it came before. */
export async function haveWaiting(store: Store, message: NewMessage): Promise<MessageId> {
  return (await storeMessage(store, await putMessage(spoolIn(store), message))).id;
}
