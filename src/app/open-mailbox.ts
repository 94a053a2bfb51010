/** The mailboxes of an installation: in our own database, for whoever delivers, opens or reads. */
import type { BlobStore } from "../blobs/blobs.ts";
import { HOUR, type Clock } from "../base/time.ts";
import { openEmbedded, type EmbeddedDeps } from "../mailbox/embedded/embedded.ts";
import { MailboxWatch } from "../mailbox/embedded/watch.ts";
import { NO_TERMS } from "../mailbox/search/terms.ts";
import type { MailboxOf } from "../mailbox/mailbox-of.ts";
import type { Store } from "../store/store.ts";
import { bodyFor, wrapFor } from "./at-rest.ts";
import type { CryptoPool } from "./crypto-pool.ts";
import type { Events } from "./events.ts";

/** How long a removed message can be restored. */
const UNDO_MS = HOUR;

export function mailboxesOf(o: {
  readonly store: Store;
  readonly clock: Clock;
  readonly pool: Pick<CryptoPool, "messageWork" | "encryptAtRest" | "open">;
  readonly blobs: BlobStore;
  readonly events: Pick<Events, "failed">;
}): MailboxOf {
  const { clock, pool, blobs } = o;
  const { messageWork, encryptAtRest } = pool;
  const watch = new MailboxWatch(o.store, (error) => {
    o.events.failed("watching mailboxes", error);
  });
  return (store, owner, keys) => {
    const deps: EmbeddedDeps = {
      store,
      clock,
      blobs,
      undoMs: UNDO_MS,
      watch,
      wrapFor: async (account, data) => wrapFor({ store, clock, encryptAtRest }, account, data),
      bodyFor: async (account, message) => bodyFor({ store, clock, messageWork }, account, message),
      bodyOfRow: messageWork.bodyOfRow,
      bodyForMailbox: messageWork.bodyForMailbox,
      decrypt: messageWork.decrypt,
      textTermsOf: async (received, form, keys) => {
        if (form === "clear") return messageWork.textTerms(received);
        const opened = await pool.open({ message: received, keys });
        return opened.kind === "opened" ? messageWork.textTerms(opened.payload) : NO_TERMS;
      },
      segmentOf: messageWork.segmentOf,
    };
    return openEmbedded(deps, owner, keys);
  };
}
