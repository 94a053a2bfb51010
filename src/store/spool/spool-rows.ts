/** Mail that waits, row by row. The octets of each message are a blob, which it takes along into the mailbox. */
import { type Selectable, sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import { compiled, picked } from "../engine/compiled.ts";
import { textOrNone, wordFrom } from "../engine/row.ts";
import type { Schema } from "../engine/schema.ts";
import { deleteJob } from "../jobs/jobs.ts";
import { deleteUnusedBlobs, type GoneBlob, insertBlob, type NewBlob } from "../mail/blobs.ts";
import { verdictFrom, verdictText, type MessageVerdict } from "../mail/verdict.ts";
import type { Store } from "../store.ts";
import { countWaiting } from "./spool-use.ts";

/** What the stored octets are: a sealed message, or any other encrypted at rest. */
export type WaitingForm = "sealed" | "wrapped";

/** A message that waits; an empty summary means that there is none. `folder` and `flags`: what it will have in the mailbox. */
export type SpoolRow = {
  readonly id: string;
  readonly account: AccountId;
  readonly form: WaitingForm;
  readonly blob: string;
  readonly summary: Uint8Array;
  readonly outerFrom: string;
  readonly messageId: string | undefined;
  readonly envelopeId: string;
  readonly contentHash: Uint8Array;
  readonly sizeBytes: number;
  readonly receivedAt: Date;
  readonly verdict: MessageVerdict;
  readonly folder: string;
  readonly flags: number;
};

/** The same before it is stored. */
export type NewSpoolRow = Omit<SpoolRow, "blob"> & { readonly blob: NewBlob };

const FORMS: readonly WaitingForm[] = ["sealed", "wrapped"];

/** What is read of a row. */
export const COLUMNS = [
  "id",
  "form",
  "blob",
  "summary",
  "outer_from",
  "message_id",
  "envelope_id",
  "content_hash",
  "size_bytes",
  "received_at",
  "verdict",
  "folder",
  "flags",
] as const;

/**
 * Stores a message once: the ID of the row that is there afterwards, old or new. Undefined, and nothing is stored: the
 * account was closed or erased since it was looked up, and what is stored for it would be lost.
 */
export async function insertWaiting(
  store: Store,
  message: NewSpoolRow,
): Promise<{ readonly id: string; readonly isNew: boolean } | undefined> {
  return store.transaction(async (tx) => {
    const { account, contentHash, envelopeId, blob } = message;
    if ((await holdAccount(tx, account)) !== "open") return undefined;
    const before = await findWaiting(tx, account, contentHash, envelopeId);
    if (before !== undefined) return { id: before, isNew: false };
    const storedBytes = (await insertBlob(tx, account, blob)) + message.summary.length;
    const added = await insertRow(tx, {
      id: message.id,
      account,
      form: message.form,
      blob: blob.id,
      summary: message.summary,
      outer_from: message.outerFrom,
      message_id: message.messageId ?? "",
      envelope_id: envelopeId,
      content_hash: contentHash,
      size_bytes: message.sizeBytes,
      stored_bytes: storedBytes,
      received_at: message.receivedAt.getTime(),
      verdict: verdictText(message.verdict),
      folder: message.folder,
      flags: message.flags,
    }).executeTakeFirst();
    if (added === undefined) {
      // Another process stored the same message between the two queries.
      await deleteUnusedBlobs(tx, [blob.id]);
      const other = await findWaiting(tx, account, contentHash, envelopeId);
      return { id: other ?? message.id, isNew: false };
    }
    await countWaiting(tx, account, { messages: 1, bytes: storedBytes });
    return { id: added.id, isNew: true };
  });
}

const insertRow = compiled((db, row: Selectable<Schema["spool"]>) =>
  db
    .insertInto("spool")
    .values(picked(row, [...COLUMNS, "account", "stored_bytes"]))
    .onConflict((conflict) => conflict.doNothing())
    .returning("id"),
);

/**
 * Deletes a message that waits with all that is kept of its opening, in the transaction that holds it. @returns its blob if
 * nothing else refers to it and its octets are elsewhere, to be deleted there once the transaction is committed.
 */
export async function deleteWaiting(
  tx: Store,
  account: AccountId,
  id: string,
): Promise<readonly GoneBlob[]> {
  const deleted = await tx.db
    .deleteFrom("spool")
    .where("id", "=", id)
    .where("account", "=", account)
    .returning(["blob", "stored_bytes"])
    .executeTakeFirst();
  if (deleted === undefined) return [];
  await deleteJob(tx, { kind: "opening", subject: id });
  await countWaiting(tx, account, { messages: -1, bytes: -deleted.stored_bytes });
  return deleteUnusedBlobs(tx, [deleted.blob]);
}

/** The ID of the message that came with this content and envelope, if it waits. */
async function findWaiting(
  store: Store,
  account: AccountId,
  contentHash: Uint8Array,
  envelopeId: string,
): Promise<string | undefined> {
  const row = await selectStored(store, { account, contentHash, envelopeId }).executeTakeFirst();
  return row?.id;
}

type Stored = {
  readonly account: string;
  readonly contentHash: Uint8Array;
  readonly envelopeId: string;
};

const selectStored = compiled((db, { account, contentHash, envelopeId }: Stored) =>
  db
    .selectFrom("spool")
    .select("id")
    .where("account", "=", account)
    .where("content_hash", "=", contentHash)
    .where("envelope_id", "=", envelopeId),
);

/** One message of this account; of another's nothing is found. */
export async function selectOneWaiting(
  store: Store,
  account: AccountId,
  id: string,
): Promise<SpoolRow | undefined> {
  const row = await selectOne(store, { account, id }).executeTakeFirst();
  return row && fromRow(row, account);
}

type Named = { readonly account: string; readonly id: string };

const selectOne = compiled((db, { account, id }: Named) =>
  db.selectFrom("spool").select(COLUMNS).where("id", "=", id).where("account", "=", account),
);

/** True when one of these messages (by Message-ID) came to the account sealed, and waits. */
export async function hasSealedWaiting(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<boolean> {
  if (messageIds.length === 0) return false;
  const row = await store.db
    .selectFrom("spool")
    .select("id")
    .where("account", "=", account)
    .where("message_id", "in", messageIds)
    .where("form", "=", sql.lit("sealed"))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Keeps a message that waits until the caller's transaction ends; false when this account has no such message. */
export async function holdWaiting(tx: Store, account: AccountId, id: string): Promise<boolean> {
  return (await holdRow(tx, { account, id }).executeTakeFirst()) !== undefined;
}

const holdRow = compiled((db, { account, id }: Named, engine) => {
  const query = db.selectFrom("spool").select("id").where("id", "=", id);
  const owned = query.where("account", "=", account);
  // A transaction on SQLite holds the only write lock already.
  return engine === "postgres" ? owned.forUpdate() : owned;
});

/** A row as it was read. */
export type StoredRow = Pick<Selectable<Schema["spool"]>, (typeof COLUMNS)[number]>;

/** A message as its row has it. */
export function fromRow(row: StoredRow, account: AccountId): SpoolRow {
  return {
    id: row.id,
    account,
    form: wordFrom(FORMS, row.form),
    blob: row.blob,
    summary: row.summary,
    outerFrom: row.outer_from,
    messageId: textOrNone(row.message_id),
    envelopeId: row.envelope_id,
    contentHash: row.content_hash,
    sizeBytes: row.size_bytes,
    receivedAt: fromUnixMs(row.received_at),
    verdict: verdictFrom(row.verdict),
    folder: row.folder,
    flags: row.flags,
  };
}
