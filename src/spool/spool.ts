/**
 * Mail that waits: for its reader's key, or for the keyserver of its author.
 *
 * Sealed mail is kept as it was received until its reader's key is there. Then it is opened, judged and moved to the mailbox
 * under the same ID (`incoming/`). A message whose author could not be asked goes on waiting, opened or not, and is judged
 * again. Each opening is counted before it begins (`store/spool/openings.ts`): a message that ends its process three times is
 * opened alone. In clear stand the outer author, whom a keyserver is asked about, sizes, times and the verdict so far.
 */
import { randomUUID } from "node:crypto";

import type { Octets } from "../base/large-octets.ts";
import { sha256 } from "../base/sha256.ts";
import { discardBlob, type BlobStore } from "../blobs/blobs.ts";
import { AccountGone } from "../mailbox/account-gone.ts";
import { TAGGED } from "../mailbox/embedded/names.ts";
import { flagsIn } from "../mailbox/flag-bits.ts";
import {
  standardFolder,
  type Flag,
  type FolderId,
  type MessageId,
  type MessageVerdict,
  type ServedAtArrival,
} from "../mailbox/mailbox.ts";
import type { GoneBlob } from "../store/mail/blobs.ts";
import {
  deleteWaiting,
  holdWaiting,
  insertWaiting,
  selectOneWaiting,
  type NewSpoolRow,
  type SpoolRow,
  type WaitingForm,
} from "../store/spool/spool-rows.ts";
import { listSpoolUse, readSpoolUse } from "../store/spool/spool-use.ts";
import { updateVerdict, keepServedKeys, type ReadInside } from "../store/spool/verdicts.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";

/** What the spool is kept in. */
export type SpoolDeps = {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, "put" | "read" | "remove">;
};

/**
 * A message to be stored. `contentHash` (SHA-256) is of the message as it came over the wire, `envelopeId` tells two
 * deliveries of the same bytes apart: together they make storing idempotent. Without the hash the body's is taken.
 */
export type NewMessage = {
  readonly account: AccountId;
  readonly body: Octets;
  readonly form: WaitingForm;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly outerFrom: string;
  readonly summary?: Uint8Array | undefined;
  readonly verdict: MessageVerdict;
  readonly messageId?: string | undefined;
  readonly contentHash?: Uint8Array | undefined;
  readonly envelopeId?: string | undefined;
};

/** A message whose octets are put, so that a transaction that stores it is short. */
export type PutMessage = NewSpoolRow;

/** A message that waits, as the list shows it; no bytes of summary are none. */
export type WaitingSummary = {
  readonly id: MessageId;
  readonly form: WaitingForm;
  readonly summary: Uint8Array;
  readonly verdict: MessageVerdict;
  readonly outerFrom: string;
  readonly messageId: string | undefined;
  readonly sizeBytes: number;
  readonly receivedAt: Date;
};

/** A message that waits with its body, in the form that `form` says. `folder` and `flags`: its place in the mailbox. */
export type WaitingMessage = WaitingSummary & {
  readonly body: Uint8Array;
  readonly blob: string;
  readonly contentHash: Uint8Array;
  readonly envelopeId: string;
  readonly folder: FolderId;
  readonly flags: readonly Flag[];
};

/** Puts the octets of a message where bodies are kept, before the transaction that stores it. */
export async function putMessage(
  { blobs }: Pick<SpoolDeps, "blobs">,
  message: NewMessage,
): Promise<PutMessage> {
  const { body, summary, messageId, envelopeId = "", contentHash, ...same } = message;
  return {
    ...same,
    id: randomUUID(),
    blob: await blobs.put(body),
    summary: summary ?? new Uint8Array(),
    messageId,
    envelopeId,
    contentHash: contentHash ?? (await sha256(body)),
    folder: standardFolder("inbox"),
    flags: 0,
  };
}

/**
 * Stores a message durably, once: a repetition gives the ID of the first, if that still waits.
 * @throws AppError, temporary, when the account was renamed, closed or erased since it was looked up: who tries again
 * finds its new name, or nobody.
 */
export async function storeMessage(
  store: Store,
  message: PutMessage,
): Promise<{ readonly id: MessageId; readonly isNew: boolean }> {
  const stored = await insertWaiting(store, message);
  if (stored === undefined) throw new AccountGone();
  return { id: stored.id as MessageId, isNew: stored.isNew };
}

/** Deletes the octets of a message that was put and is not stored. */
export async function discardMessage(
  deps: Pick<SpoolDeps, "blobs">,
  { blob }: PutMessage,
): Promise<void> {
  await discardBlob(deps, blob);
}

/** A message of this account; undefined for an unknown ID and for one of another account alike. */
export async function readMessage(
  { store, blobs }: Pick<SpoolDeps, "store" | "blobs">,
  account: AccountId,
  id: string,
): Promise<WaitingMessage | undefined> {
  const row = await selectOneWaiting(store, account, id);
  // Whoever opened it meanwhile may have kept other octets in the mailbox.
  const body = row && (await blobs.read(row.blob));
  return row === undefined || body === undefined ? undefined : toMessage(row, body);
}

/** How many messages wait for an account. */
export async function countWaiting(store: Store, account: AccountId): Promise<number> {
  return (await readSpoolUse(store, account)).messages;
}

/** The accounts for which something waits. */
export async function waitingAccounts(store: Store): Promise<readonly AccountId[]> {
  return (await listSpoolUse(store)).map(({ account }) => account);
}

/**
 * Keeps what was found out about a message that goes on waiting, and what could be read now that it is open. False: this
 * account has no such message that waits.
 */
export async function recordVerdict(
  store: Store,
  account: AccountId,
  id: MessageId,
  verdict: MessageVerdict,
  read: ReadInside = {},
): Promise<boolean> {
  return updateVerdict(store, account, id, verdict, read);
}

/** Keeps a waiting message until the caller's transaction ends; false when it waits no longer. */
export async function isWaiting(tx: Store, account: AccountId, id: MessageId): Promise<boolean> {
  return holdWaiting(tx, account, id);
}

/**
 * Deletes a message that waited, in the transaction that keeps it elsewhere. @returns the octets that nobody keeps, for
 * `blobs.remove` once the transaction is committed.
 */
export async function endWaiting(
  tx: Store,
  account: AccountId,
  id: MessageId,
): Promise<readonly GoneBlob[]> {
  return deleteWaiting(tx, account, id);
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

function toMessage(row: SpoolRow, body: Uint8Array): WaitingMessage {
  const { blob, contentHash, envelopeId, folder, flags } = row;
  return {
    ...toSummary(row),
    body,
    blob,
    contentHash,
    envelopeId,
    folder: folder as FolderId,
    flags: flagsIn(flags),
  };
}

/** What a list shows of a row. */
export function toSummary(row: SpoolRow): WaitingSummary {
  return {
    id: row.id as MessageId,
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
