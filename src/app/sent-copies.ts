/** What the copies of sent mail are made with. */
import { AppError } from "../base/errors.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import type { Config } from "../config/config.ts";
import { outlineIn } from "../incoming/keep-found.ts";
import { NO_OUTLINE } from "../incoming/outline.ts";
import { summaryOf } from "../incoming/summary.ts";
import { sent } from "../incoming/verdicts.ts";
import { parseHeader } from "../mail/header.ts";
import type { MailboxOf } from "../mailbox/mailbox-of.ts";
import { roomFor } from "../mailbox/room.ts";
import type { SentDeps } from "../outgoing/sent-copy.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { bodyFor } from "./at-rest.ts";
import type { CryptoPool } from "./crypto-pool.ts";
import type { Events } from "./events.ts";

export function sentDepsOf(
  o: {
    readonly vault: Pick<VaultDeps, "store" | "clock"> & {
      readonly blobs: Pick<BlobStore, "roomBytes">;
    };
    readonly pool: Pick<CryptoPool, "messageWorkForUsers">;
    readonly mailboxOf: MailboxOf;
    readonly events: Pick<Events, "failed">;
  },
  limits: Pick<Config["limits"], "mailboxBytes" | "pendingBytes">,
): SentDeps {
  const { store, clock } = o.vault;
  const { messageWorkForUsers: messageWork } = o.pool;
  return {
    store,
    clock,
    mailboxOf: o.mailboxOf,
    hasRoom: async (from, { id }, sizeBytes) => {
      requireDisk(from.roomBytes(), sizeBytes, "the database");
      // In a transaction the body is written already.
      if (from === store) requireDisk(await o.vault.blobs.roomBytes(), sizeBytes, "the bodies");
      return (await roomFor(from, id, limits, sizeBytes)) !== "mailbox-full";
    },
    failed: (error) => {
      o.events.failed("making a Sent copy", error);
    },
    examine: messageWork.examine,
    bodyFor: async (owner, message) => bodyFor({ store, clock, messageWork }, owner, message),
    summaryOf: async (message, { at, how, to }) => {
      const isOpen = how !== "already-protected";
      const outline = isOpen ? await outlineIn(messageWork, { message }) : NO_OUTLINE;
      const { header } = parseHeader(message);
      return { ...summaryOf({ header, verdict: sent(at, { how }), outline }), sent: to };
    },
  };
}

/** Room that a commit takes beside its message, with much to spare. */
const COMMIT_BYTES = 4 * 1024 * 1024;

/**
 * A commit that fails after the next hop took a message would have the client send it again, each time to that hop too.
 * @throws AppError (temporary) where the disk is nearly full, as far as that is known.
 */
function requireDisk(room: number | undefined, sizeBytes: number, of: string): void {
  if (room === undefined || room >= COMMIT_BYTES + 3 * sizeBytes) return;
  throw new AppError(`there is no room left on the disk that holds ${of}`, { temporary: true });
}
