/** The mailboxes of an installation: in our own database, for whoever delivers, opens, reads or writes. */
import { HOUR, type Clock } from "../base/time.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import type { Config } from "../config/config.ts";
import { outlineIn } from "../incoming/keep-found.ts";
import { summaryOf } from "../incoming/summary.ts";
import { draft } from "../incoming/verdicts.ts";
import { parseHeader } from "../mail/header.ts";
import type { Drafts } from "../mailbox/drafts/drafts.ts";
import { openDrafts } from "../mailbox/embedded/drafts.ts";
import { openEmbedded, type EmbeddedDeps } from "../mailbox/embedded/embedded.ts";
import { MailboxWatch } from "../mailbox/embedded/watch.ts";
import type { MailboxOf, MailboxOwner } from "../mailbox/mailbox-of.ts";
import { roomFor } from "../mailbox/room.ts";
import { NO_TERMS } from "../mailbox/search/terms.ts";
import type { Store } from "../store/store.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { bodyFor, wrapFor } from "./at-rest.ts";
import type { CryptoPool } from "./crypto-pool.ts";
import type { Events } from "./events.ts";

/** How long a removed message can be restored. */
const UNDO_MS = HOUR;

type Wiring = {
  readonly store: Store;
  readonly clock: Clock;
  readonly pool: Pick<CryptoPool, "messageWork" | "encryptAtRest" | "open">;
  readonly blobs: BlobStore;
  readonly events: Pick<Events, "failed">;
};

export function mailboxesOf(wiring: Wiring): MailboxOf {
  const depsFor = embeddedWith(wiring);
  return (store, owner, keys) => openEmbedded(depsFor(store), owner, keys);
}

/** Opens the drafts of an account with its reader's keys, which stay the caller's. */
export type DraftsOf = (owner: MailboxOwner, keys: UnlockedKeys) => Drafts;

/** `limits`: those of the configuration as it is now. */
export function draftsOf(
  wiring: Wiring & {
    readonly limits: () => Pick<Config["limits"], "mailboxBytes" | "pendingBytes">;
  },
): DraftsOf {
  const { store, clock, limits } = wiring;
  const { messageWork } = wiring.pool;
  const deps = {
    ...embeddedWith(wiring)(store),
    hasRoom: async ({ id }: MailboxOwner, sizeBytes: number) =>
      (await roomFor(store, id, limits(), sizeBytes)) !== "mailbox-full",
    summaryOf: async (message: Uint8Array) =>
      summaryOf({
        header: parseHeader(message).header,
        verdict: draft(clock.now()),
        outline: await outlineIn(messageWork, { message }),
      }),
  };
  return (owner, keys) => openDrafts(deps, owner, keys);
}

function embeddedWith({ store: shared, clock, pool, blobs, events }: Wiring) {
  const { messageWork, encryptAtRest } = pool;
  const watch = new MailboxWatch(shared, (error) => {
    events.failed("watching mailboxes", error);
  });
  return (store: Store): EmbeddedDeps => ({
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
  });
}
