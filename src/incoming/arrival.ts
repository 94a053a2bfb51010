/** What arrives, and what is delivered with. */
import type { Octets } from "../base/large-octets.ts";
import type { Clock } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { ToStore } from "../mailbox/embedded/stored-form.ts";
import type { MailboxOf, MailboxOwner } from "../mailbox/mailbox-of.ts";
import type { MessageId } from "../mailbox/mailbox.ts";
import type { SpoolDeps } from "../spool/spool.ts";
import type { Account, AccountId } from "../words/account.ts";
import type { AuthorDeps } from "./check-signature.ts";
import type { MessageWork } from "./message-work.ts";
import type { TraceIncoming } from "./tracing.ts";

export type Arrival = {
  readonly envelope: Envelope;
  readonly message: Uint8Array;
  /** What the listener knows of its client, for the Received field. */
  readonly received: { readonly protocol: string; readonly client: string };
};

/** Waiting mail that was just committed. `author`: who the outer From says, if it is one person. */
export type ArrivedMessage = {
  readonly id: MessageId;
  readonly author: EmailAddress | undefined;
  readonly receivedAt: Date;
};

export type IsReader = (
  account: AccountId,
  addresses: readonly EmailAddress[],
  signedAt: Date,
) => Promise<boolean>;

export type DeliverDeps = AuthorDeps &
  SpoolDeps & {
    readonly clock: Clock;
    readonly hostname: string;
    /** Whether mail for an address is ours to take or to refuse. */
    readonly isOurs: (address: EmailAddress) => boolean;
    /** The account an address belongs to, also through a subaddress, or as postmaster. */
    readonly findAccount: (address: EmailAddress) => Promise<Account | undefined>;
    readonly mailboxOf: MailboxOf;
    readonly hasRoom: (account: Account, sizeBytes: number) => Promise<boolean>;
    /** Whether one of these addresses was the account's when a message was signed. */
    readonly isReader: IsReader;
    /** Reads whole messages where that keeps nobody waiting; default: here. */
    readonly messageWork?: Pick<MessageWork, "examine" | "outline">;
    /** Encrypts to the key that protects an account's mailbox at rest. */
    readonly wrapFor: (account: MailboxOwner, data: Octets) => Promise<Uint8Array>;
    /** The same for a message, as the body of its row, where that keeps nobody waiting; default: here. */
    readonly bodyFor?: (account: MailboxOwner, message: ToStore) => Promise<readonly Uint8Array[]>;
    /**
     * Told after the commit: mail waits for this account, sealed or with a signature to be checked later. Looking for its
     * author's certificate begins now, whatever opening will yield.
     */
    readonly arrived: (account: Account, message: ArrivedMessage) => void;
    /** Told after the commit that mail is in the mailbox, and is to be prepared for lists and searches. */
    readonly kept?: (account: Account) => void;
    readonly trace: TraceIncoming;
    /** Told of what kept a mailbox from taking a message; for the log. */
    readonly failed: (error: unknown) => void;
  };
