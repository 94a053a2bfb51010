/**
 * Accepted messages whose recipients are looked up again later. A row has what operators and users are shown. What decides
 * (`outgoing/deferral/order.ts`), the original and the signed payloads are parts of it: rows of the outbox without a job,
 * so that they are wrapped, moved under new service keys and erased as waiting copies are.
 */
import { sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import { formatAddress, type EmailAddress } from "../../mail/address.ts";
import type { AccountId } from "../../words/account.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import { addressFrom, timeOrNone } from "../engine/row.ts";
import { deleteJob, insertJob } from "../jobs/jobs.ts";
import type { Store } from "../store.ts";
import { insertPart, type OutboxRow } from "./outbox.ts";

/** A message that waits; `envelope` is JSON text. `because` is the recipient whose state is not certain. */
export type DeferredRow = {
  readonly id: string;
  readonly account: AccountId;
  readonly sender: EmailAddress;
  readonly messageId: string;
  readonly envelope: string;
  readonly because: EmailAddress;
};

/** What waits, with its place in the table of jobs. `reason`: the code of `because` (docs/use/states.md). */
export type DeferredEntry = DeferredRow & {
  readonly reason: string;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly dueAt: Date;
  readonly noticedAt: Date | undefined;
};

/** Keeps a message with its parts, and the job that tries it again at `dueAt`. To be used inside a transaction. */
export async function insertDeferred(
  tx: Store,
  row: DeferredRow,
  parts: readonly OutboxRow[],
  job: { readonly createdAt: Date; readonly dueAt: Date; readonly reason: string },
): Promise<void> {
  const { id, account, sender, messageId, envelope, because } = row;
  await tx.db
    .insertInto("deferred")
    .values({
      id,
      account,
      sender: formatAddress(sender),
      message_id: messageId,
      envelope,
      because: formatAddress(because),
      size_bytes: parts.reduce((sum, { wrapped }) => sum + wrapped.length, 0),
    })
    .execute();
  for (const part of parts) await insertPart(tx, id, part);
  await insertJob(tx, { kind: "deferred", subject: id, account, ...job });
}

/** The message of a job; undefined when it no longer waits. */
export async function readDeferred(store: Store, id: string): Promise<DeferredEntry | undefined> {
  const row = await entries(store).where("deferred.id", "=", id).executeTakeFirst();
  return row && entryFrom(row);
}

/** Where a page of `listDeferred` ends. */
export type DeferredPlace = Pick<DeferredEntry, "createdAt" | "id">;

/** What waits behind a place, the oldest first. */
export async function listDeferred(
  store: Store,
  { after, limit }: { readonly after: DeferredPlace | undefined; readonly limit: number },
): Promise<readonly DeferredEntry[]> {
  const at = after?.createdAt.getTime() ?? 0;
  const rows = await entries(store)
    .where(sql<boolean>`(jobs.created_at, jobs.subject) > (${at}, ${after?.id ?? ""})`)
    .orderBy("jobs.created_at")
    .orderBy("jobs.subject")
    .limit(limit)
    .execute();
  return rows.map(entryFrom);
}

/** What waits under a Message-ID, with its angle brackets. */
export async function deferredNamed(
  store: Store,
  messageId: string,
): Promise<readonly DeferredEntry[]> {
  const rows = await entries(store).where("deferred.message_id", "=", messageId).execute();
  return rows.map(entryFrom);
}

/** What waits of an account. */
export async function deferredUse(
  store: Store,
  account: AccountId,
): Promise<{ readonly messages: number; readonly bytes: number }> {
  const row = await store.db
    .selectFrom("deferred")
    .select((of) => [
      of.fn.countAll<number>().as("messages"),
      of.fn.coalesce(of.fn.sum<number>("size_bytes"), of.val(0)).as("bytes"),
    ])
    .where("account", "=", account)
    .executeTakeFirstOrThrow();
  return { messages: Number(row.messages), bytes: Number(row.bytes) };
}

/** Whether one of these messages waits, by Message-ID with angle brackets: an answer to it must not leave in clear. */
export async function isDeferred(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<boolean> {
  if (messageIds.length === 0) return false;
  const row = await store.db
    .selectFrom("deferred")
    .select("id")
    .where("account", "=", account)
    .where("message_id", "in", messageIds)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Keeps a waiting message and the account that it belongs to until the transaction ends. False when either was erased. To be
 * used inside a transaction.
 */
export async function holdDeferred(
  tx: Store,
  { id, account }: Pick<DeferredRow, "id" | "account">,
): Promise<boolean> {
  if ((await holdAccount(tx, account)) === undefined) return false;
  const query = tx.db.selectFrom("deferred").select("id").where("id", "=", id);
  // Of two who end its waiting at once, one does.
  const row = await (tx.engine === "postgres" ? query.forUpdate() : query).executeTakeFirst();
  return row !== undefined;
}

/** Notes why a message waits now and, where its sender was told that it does, when. */
export async function updateDeferred(
  tx: Store,
  id: string,
  { because, noticedAt }: { readonly because: EmailAddress; readonly noticedAt: Date | undefined },
): Promise<void> {
  await tx.db
    .updateTable("deferred")
    .set({
      because: formatAddress(because),
      ...(noticedAt === undefined ? {} : { noticed_at: noticedAt.getTime() }),
    })
    .where("id", "=", id)
    .execute();
}

/** Ends the waiting of a message, in the caller's transaction. */
export async function deleteDeferred(tx: Store, id: string): Promise<void> {
  await tx.db
    .deleteFrom("outbox")
    .where("deferred", "=", id)
    // As the index has it.
    .where("deferred", "<>", sql.lit(""))
    .execute();
  await tx.db.deleteFrom("deferred").where("id", "=", id).execute();
  await deleteJob(tx, { kind: "deferred", subject: id });
}

function entries(store: Store) {
  return store.db
    .selectFrom("jobs")
    .innerJoin("deferred", "deferred.id", "jobs.subject")
    .select([
      "deferred.id",
      "deferred.account",
      "deferred.sender",
      "deferred.message_id",
      "deferred.envelope",
      "deferred.because",
      "deferred.noticed_at",
      "jobs.reason",
      "jobs.attempts",
      "jobs.created_at",
      "jobs.due_at",
    ])
    .where("jobs.kind", "=", "deferred");
}

type Row = Awaited<ReturnType<ReturnType<typeof entries>["execute"]>>[number];

function entryFrom(row: Row): DeferredEntry {
  return {
    id: row.id,
    account: row.account as AccountId,
    sender: addressFrom(row.sender),
    messageId: row.message_id,
    envelope: row.envelope,
    because: addressFrom(row.because),
    reason: row.reason,
    attempts: row.attempts,
    createdAt: fromUnixMs(row.created_at),
    dueAt: fromUnixMs(row.due_at),
    noticedAt: timeOrNone(row.noticed_at),
  };
}
