/** The mailbox inside our own database. */
import { createHash, randomUUID } from "node:crypto";

import { type Octets, octetStringsIn } from "../base/large-octets.ts";
import { AppError } from "../base/errors.ts";
import { keepServedKeys, updateVerdict, type ReadInside } from "../store/mail/message-verdicts.ts";
import {
  deleteMessage,
  hasSealedMessage,
  insertMessage,
  selectMessage,
  selectMessages,
  selectWaiting,
  type MessageRow,
} from "../store/mail/messages.ts";
import { holdMessage, listWaitingMailboxes, readMailboxUse } from "../store/mail/mailbox-use.ts";
import { hasSealed } from "./embedded/names.ts";
import { plainMessageId } from "../mail/message-id.ts";
import { readMailbox } from "../store/mailbox/mailboxes.ts";
import type { Store } from "../store/store.ts";
import type {
  MessageId,
  MessageVerdict,
  ServedAtArrival,
  NewMessage,
  Quota,
  StoredMessage,
  StoredSummary,
} from "./mailbox.ts";
import type { AccountId } from "../words/account.ts";

/** An account is no longer what it was when it was looked up. */
export class AccountGone extends AppError {
  override readonly name = "AccountGone";

  constructor() {
    super("the account was renamed, closed or erased at the same time; try again", {
      temporary: true,
    });
  }
}

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

/** True when one of these messages came sealed: an answer to it must not leave in clear. */
export async function cameProtected(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<boolean> {
  if (await hasSealedMessage(store, account, messageIds)) return true;
  return hasSealed(store, account, messageIds.map(plainMessageId));
}

/** Whether a message of this size fits, and if not, which quota it would break. */
export async function roomFor(
  store: Store,
  account: AccountId,
  quota: Quota,
  sizeBytes: number,
): Promise<"room" | "mailbox-full" | "pending-full"> {
  const use = await readMailboxUse(store, account);
  const { bytes } = await readMailbox(store, account);
  if (bytes + use.usedBytes + sizeBytes > quota.mailboxBytes) return "mailbox-full";
  return use.pendingBytes + sizeBytes > quota.pendingBytes ? "pending-full" : "room";
}

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
    messageId: row.messageId,
    sizeBytes: row.sizeBytes,
    receivedAt: row.receivedAt,
  };
}
