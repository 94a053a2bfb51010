/** The end of removed messages, once nobody can restore them any more. */
import type { Clock } from "../../base/time.ts";
import type { BlobStore } from "../../blobs/blobs.ts";
import { expungeDue } from "../../store/mailbox/message-changes.ts";
import type { Store } from "../../store/store.ts";

/** Deletes the messages of all mailboxes whose undo time is over, part by part. @returns how many. */
export async function expungeRemoved(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly blobs: Pick<BlobStore, "remove">;
}): Promise<number> {
  const { store, clock, blobs } = deps;
  for (let count = 0; ;) {
    const { messages, gone } = await expungeDue(store, clock.now());
    await blobs.remove(gone);
    if (messages === 0) return count;
    count += messages;
  }
}
