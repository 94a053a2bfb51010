/**
 * The mailbox inside our own database (ruling 27). Bodies are stored as they are given: sealed as they came, or
 * encrypted at rest by the caller; subject, names and preview are in a summary that the caller wrapped. State,
 * verdict, sizes and times are clear.
 */
import { createHash, randomUUID } from "node:crypto";

import type { Brand } from "../base/brand.ts";
import { AppError } from "../base/errors.ts";
import type { EmailAddress } from "../mail/address.ts";
import {
  findMessage,
  insertMessage,
  selectMessage,
  selectMessages,
  selectPending,
  sumMessages,
  updateVerdict,
  type MessageForm,
  type MessageRow,
  type MessageState,
} from "../store/messages.ts";
import type { Store } from "../store/store.ts";
import type { MessageVerdict } from "../store/verdict.ts";

export type { MessageForm, MessageState } from "../store/messages.ts";
export type { MessageVerdict, ResultState } from "../store/verdict.ts";

/** A message in somebody's mailbox. */
export type MessageId = Brand<string, "MessageId">;

/**
 * A message to be stored. `contentHash` (SHA-256) is of the message as it came over the wire, `envelopeId` tells two
 * deliveries of the same bytes apart: together they make storing idempotent. Without the hash the body's is taken.
 */
export type NewMessage = {
  readonly account: EmailAddress;
  readonly body: Uint8Array;
  readonly form: MessageForm;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly outerFrom: string;
  readonly summary?: Uint8Array | undefined;
  readonly verdict?: MessageVerdict | undefined;
  readonly messageId?: string | undefined;
  readonly state: MessageState;
  readonly contentHash?: Uint8Array | undefined;
  readonly envelopeId?: string | undefined;
};

/** A message as the list shows it. */
export type StoredSummary = {
  readonly id: MessageId;
  readonly state: MessageState;
  readonly form: MessageForm;
  readonly summary: Uint8Array | undefined;
  readonly verdict: MessageVerdict | undefined;
  readonly outerFrom: string;
  readonly messageId: string | undefined;
  readonly sizeBytes: number;
  readonly receivedAt: Date;
};

/** A message with its body, in the form that `form` says. */
export type StoredMessage = StoredSummary & { readonly body: Uint8Array };

/** How much a mailbox holds, of which pending: what quotas are compared with (rulings 10 and 11). */
export type MailboxUse = {
  readonly count: number;
  readonly usedBytes: number;
  readonly pendingCount: number;
  readonly pendingBytes: number;
};

/** How much a mailbox may hold. */
export type Quota = { readonly mailboxBytes: number; readonly pendingBytes: number };

const LIST_LIMIT = 10_000;

/** Stores a message durably, once: a repetition gives the ID of the first, whatever became of that one. */
export async function storeMessage(store: Store, message: NewMessage): Promise<MessageId> {
  const { account, body, form, receivedAt, sizeBytes, outerFrom, state } = message;
  const { id } = await insertMessage(store, {
    id: randomUUID(),
    account,
    body,
    form,
    receivedAt,
    sizeBytes,
    outerFrom,
    state,
    summary: message.summary,
    verdict: message.verdict,
    messageId: message.messageId,
    envelopeId: message.envelopeId ?? "",
    contentHash: message.contentHash ?? createHash("sha256").update(body).digest(),
  });
  return id as MessageId;
}

/** True when this content came to this account in this envelope before. */
export async function hasMessage(
  store: Store,
  account: EmailAddress,
  contentHash: Uint8Array,
  envelopeId = "",
): Promise<boolean> {
  return (await findMessage(store, account, contentHash, envelopeId)) !== undefined;
}

/** The newest ten thousand messages of an account, the newest first. */
export async function listMessages(
  store: Store,
  account: EmailAddress,
): Promise<readonly StoredSummary[]> {
  return (await selectMessages(store, account, LIST_LIMIT)).map(toSummary);
}

/** A message of this account; undefined for an unknown ID and for one of another account alike. */
export async function readMessage(
  store: Store,
  account: EmailAddress,
  id: string,
): Promise<StoredMessage | undefined> {
  const row = await selectMessage(store, account, id);
  return row === undefined ? undefined : { ...toSummary(row), body: row.body };
}

/** What waits for its reader's key, in the order in which it came. */
export async function listPending(
  store: Store,
  account: EmailAddress,
): Promise<readonly MessageId[]> {
  return (await selectPending(store, account)) as readonly MessageId[];
}

/**
 * Keeps what was found out about a message, and its summary now that it could be read; it no longer waits.
 * @throws AppError when this account has no such message.
 */
export async function recordVerdict(
  store: Store,
  account: EmailAddress,
  id: MessageId,
  verdict: MessageVerdict,
  summary?: Uint8Array,
): Promise<void> {
  if (!(await updateVerdict(store, account, id, verdict, summary))) {
    throw new AppError("there is no such message", { temporary: false });
  }
}

/** What a mailbox holds now. */
export async function mailboxUse(store: Store, account: EmailAddress): Promise<MailboxUse> {
  const [all, pending] = await Promise.all([
    sumMessages(store, account),
    sumMessages(store, account, "pending"),
  ]);
  return {
    count: all.count,
    usedBytes: all.bytes,
    pendingCount: pending.count,
    pendingBytes: pending.bytes,
  };
}

/** The bytes that a mailbox takes. */
export async function usedBytes(store: Store, account: EmailAddress): Promise<number> {
  return (await sumMessages(store, account)).bytes;
}

/** Whether a message of this size fits, and if not, which quota it would break. */
export async function roomFor(
  store: Store,
  account: EmailAddress,
  quota: Quota,
  sizeBytes: number,
): Promise<"room" | "mailbox-full" | "pending-full"> {
  const use = await mailboxUse(store, account);
  if (use.usedBytes + sizeBytes > quota.mailboxBytes) return "mailbox-full";
  return use.pendingBytes + sizeBytes > quota.pendingBytes ? "pending-full" : "room";
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
