/** What the copies of sent mail are made with. */
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

export function sentDepsOf(
  o: {
    readonly vault: Pick<VaultDeps, "store" | "clock">;
    readonly pool: Pick<CryptoPool, "messageWorkForUsers">;
    readonly mailboxOf: MailboxOf;
  },
  limits: Pick<Config["limits"], "mailboxBytes" | "pendingBytes">,
): SentDeps {
  const { store, clock } = o.vault;
  const { messageWorkForUsers: messageWork } = o.pool;
  return {
    store,
    clock,
    mailboxOf: o.mailboxOf,
    hasRoom: async ({ id }, sizeBytes) =>
      (await roomFor(store, id, limits, sizeBytes)) !== "mailbox-full",
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
