import type { Clock } from "../base/time.ts";
import type { MailboxOf } from "../mailbox/mailbox-of.ts";
import type { MessageId } from "../mailbox/mailbox.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import type { KeyId } from "../openpgp/packets/fingerprint.ts";
import type { Opened } from "../pgpmime/pgpmime.ts";
import type { SpoolDeps } from "../spool/spool.ts";
import type { AccountId } from "../words/account.ts";
import type { IsReader } from "./arrival.ts";
import type { AuthorDeps } from "./check-signature.ts";
import type { MessageWork } from "./message-work.ts";
import type { TraceIncoming } from "./tracing.ts";

/** What waiting mail is opened with. */
export type PendingDeps = AuthorDeps &
  SpoolDeps & {
    /** Works on whole messages where that keeps nobody waiting; default: here. */
    readonly messageWork?: MessageWork;
    readonly mailboxOf: MailboxOf;
    readonly clock: Clock;
    readonly open: (request: {
      readonly message: Uint8Array;
      readonly keys: readonly UnlockedKey[];
    }) => Promise<Opened>;
    /** As `open`, alone in a process of its own; undefined leaves such mail pending. @throws TooCostly without an end. */
    readonly openAlone?: PendingDeps["open"];
    /** Told of a message that a fault or its cost kept from being opened, and that waits for another try. */
    readonly stuck?: (id: MessageId, reason: string) => void;
    readonly trace: TraceIncoming;
    /** Whether one of these addresses was the account's when a message was signed. */
    readonly isReader: IsReader;
    /** Whether one of these keys is the account's, under a password that was forgotten. */
    readonly isParked: (account: AccountId, keyIds: readonly KeyId[]) => Promise<boolean>;
  };

/** The same, but for how messages are opened. A list of the members would forget the next one that is optional. */
export function withOpen(deps: PendingDeps, open: PendingDeps["open"]): PendingDeps {
  return { ...deps, open };
}
