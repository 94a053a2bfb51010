/**
 * Mail that waits: for its reader's key, or for the keyserver of its author.
 *
 * Sealed mail is kept as it was received until its reader's key is there. Then it is opened, judged and moved to the mailbox
 * under the same ID (`incoming/`). A message whose author could not be asked goes on waiting, opened or not, and is judged
 * again. Each opening is counted before it begins (`store/mail/openings.ts`): a message that ends its process three times is
 * opened alone. In clear stand the outer author, whom a keyserver is asked about, sizes, times and the verdict so far.
 */
import { createHash, randomUUID } from "node:crypto";

import { type Octets, octetStringsIn } from "../base/large-octets.ts";
import { AppError } from "../base/errors.ts";
import { AccountGone } from "../mailbox/account-gone.ts";
import { TAGGED } from "../mailbox/embedded/names.ts";
import { keepServedKeys, updateVerdict, type ReadInside } from "../store/mail/message-verdicts.ts";
import {
  deleteMessage,
  insertMessage,
  selectMessage,
  selectMessages,
  selectWaiting,
  type MessageRow,
} from "../store/mail/messages.ts";
import { holdMessage, listWaitingMailboxes } from "../store/mail/mailbox-use.ts";
import type { Store } from "../store/store.ts";
import type { MessageId, MessageVerdict, ServedAtArrival } from "../mailbox/mailbox.ts";
import type { MessageForm, MessageState } from "../store/mail/messages.ts";
import type { AccountId } from "../words/account.ts";

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
export type StoredMessage = StoredSummary & {
  readonly body: Uint8Array;
  readonly contentHash: Uint8Array;
  readonly envelopeId: string;
};

const LIST_LIMIT = 10_000;

/**
 * Stores a message durably, once: a repetition gives the ID of the first, whatever became of that one.
 * @throws AppError, temporary, when the account was renamed, closed or erased since it was looked up: who tries again
 * finds its new name, or nobody.
 */
export async function storeMessage(store: Store, message: NewMessage): Promise<MessageId> {
  const { account, body, form, receivedAt, sizeBytes, outerFrom, state } = message;
  const stored = await insertMessage(store, {
    id: randomUUID(),
    account,
    body,
    form,
    receivedAt,
    sizeBytes,
    outerFrom,
    state,
    summary: message.summary ?? new Uint8Array(),
    verdict: message.verdict,
    messageId: message.messageId,
    envelopeId: message.envelopeId ?? "",
    contentHash: message.contentHash ?? hashOf(body),
  });
  if (stored === undefined) throw new AccountGone();
  return stored.id as MessageId;
}

/** The newest ten thousand messages of an account, the newest first. */
export async function listMessages(
  store: Store,
  account: AccountId,
): Promise<readonly StoredSummary[]> {
  return (await selectMessages(store, account, LIST_LIMIT)).map(toSummary);
}

/** A message of this account; undefined for an unknown ID and for one of another account alike. */
export async function readMessage(
  store: Store,
  account: AccountId,
  id: string,
): Promise<StoredMessage | undefined> {
  const row = await selectMessage(store, account, id);
  return row === undefined ? undefined : toMessage(row);
}

/** What waits for its reader's key or its author's keyserver, in the order in which it came. */
export async function listWaiting(
  store: Store,
  account: AccountId,
): Promise<readonly StoredSummary[]> {
  return (await selectWaiting(store, account)).map(toSummary);
}

/** The accounts for which something waits. */
export async function waitingAccounts(store: Store): Promise<readonly AccountId[]> {
  return (await listWaitingMailboxes(store)).map(({ account }) => account);
}

/**
 * Keeps what was found out about a message, and what could be read now that it is open; it no longer waits.
 * @throws AppError when this account has no such message.
 */
export async function recordVerdict(
  store: Store,
  account: AccountId,
  id: MessageId,
  verdict: MessageVerdict,
  read: ReadInside = {},
): Promise<void> {
  if (!(await updateVerdict(store, account, id, verdict, read))) {
    throw new AppError("there is no such message", { temporary: false });
  }
}

/** Keeps a waiting message until the caller's transaction ends; false when it waits no longer. */
export async function isWaiting(tx: Store, account: AccountId, id: MessageId): Promise<boolean> {
  return (await holdMessage(tx, account, id)) !== undefined;
}

/** Deletes a message that waited, in the transaction that keeps it elsewhere. */
export async function endWaiting(tx: Store, account: AccountId, id: MessageId): Promise<void> {
  await deleteMessage(tx, account, id);
}

/** Keeps with a waiting message what is known before it is opened; its verdict stays what it is by now. */
export async function recordWaiting(
  store: Store,
  account: AccountId,
  id: MessageId,
  served: ServedAtArrival,
): Promise<void> {
  for (let turn = 0; turn < RECORD_TURNS; turn += 1) {
    if (await keepServedKeys(store, account, id, served)) return;
  }
}

/** Of processes that open the same message; what they find out is worth more than the evidence. */
const RECORD_TURNS = 5;

function hashOf(body: Octets): Uint8Array {
  const hash = createHash("sha256");
  for (const piece of octetStringsIn(body)) hash.update(piece);
  return hash.digest();
}

function toMessage(row: MessageRow): StoredMessage {
  const { body, contentHash, envelopeId } = row;
  return { ...toSummary(row), body, contentHash, envelopeId };
}

function toSummary(row: Omit<MessageRow, "body">): StoredSummary {
  return {
    id: row.id as MessageId,
    state: row.state,
    form: row.form,
    summary: row.summary,
    verdict: row.verdict,
    outerFrom: row.outerFrom,
    // A tag stands for what only the keys open.
    messageId: row.messageId?.startsWith(TAGGED) === true ? undefined : row.messageId,
    sizeBytes: row.sizeBytes,
    receivedAt: row.receivedAt,
  };
}
