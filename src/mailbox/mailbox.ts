/**
 * The mailbox: what is kept for a reader until they delete it.
 *
 * Bodies are stored as given: sealed mail as it was received, clear mail encrypted at rest by the caller. Subject, names and
 * snippet are in a summary that the caller has wrapped. Nothing but state, verdict, sizes and times can be read without the
 * reader's key.
 */
import type { Brand } from "../base/brand.ts";
import type { MessageForm, MessageState } from "../store/mail/messages.ts";
import type { Octets } from "../base/large-octets.ts";
import type { MessageVerdict } from "../store/mail/verdict.ts";
import type { AccountId } from "../words/account.ts";

export type { MessageForm, MessageState } from "../store/mail/messages.ts";
export type { MessageVerdict, ResultState, ServedAtArrival } from "../store/mail/verdict.ts";

/** A message in somebody's mailbox. */
export type MessageId = Brand<string, "MessageId">;

/**
 * A message to be stored. `contentHash` (SHA-256) is of the message as it came over the wire, `envelopeId` tells two
 * deliveries of the same bytes apart: together they make storing idempotent. Without the hash the body's is taken.
 */
export type NewMessage = {
  readonly account: AccountId;
  readonly body: Octets;
  readonly form: MessageForm;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly outerFrom: string;
  readonly summary?: Uint8Array | undefined;
  readonly verdict: MessageVerdict;
  readonly messageId?: string | undefined;
  readonly state: MessageState;
  readonly contentHash?: Uint8Array | undefined;
  readonly envelopeId?: string | undefined;
};

/** A message as the list shows it; no bytes of summary are none. */
export type StoredSummary = {
  readonly id: MessageId;
  readonly state: MessageState;
  readonly form: MessageForm;
  readonly summary: Uint8Array;
  readonly verdict: MessageVerdict;
  readonly outerFrom: string;
  readonly messageId: string | undefined;
  readonly sizeBytes: number;
  readonly receivedAt: Date;
};

/** A message with its body, in the form that `form` says. */
export type StoredMessage = StoredSummary & { readonly body: Uint8Array };

/** How much a mailbox may hold. */
export type Quota = { readonly mailboxBytes: number; readonly pendingBytes: number };
