/**
 * Accepted messages whose recipients are looked up again later. A row has what operators and users are shown. What decides
 * (`outgoing/deferral/order.ts`), the original and the signed payloads are parts of it: rows of the outbox without a job,
 * so that they are wrapped, moved under new service keys and erased as waiting copies are.
 */
import type { EmailAddress } from "../../mail/address.ts";
import { formatAddress } from "../../mail/address.ts";
import { fromUnixMs } from "../../base/time.ts";
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

/** What waits, the oldest first: of an account or of all, behind `after`. */
export async function listDeferred(
  store: Store,
  o: {
    readonly account?: AccountId | undefined;
    readonly after?: Pick<DeferredEntry, "createdAt" | "id"> | undefined;
    readonly limit: number;
  },
): Promise<readonly DeferredEntry[]> {
  const { account, after, limit } = o;
  let query = entries(store).orderBy("jobs.created_at").orderBy("deferred.id").limit(limit);
  if (account !== undefined) query = query.where("deferred.account", "=", account);
  if (after !== undefined) {
    const at = after.createdAt.getTime();
    query = query.where((of) =>
      of.or([
        of("jobs.created_at", ">", at),
        of.and([of("jobs.created_at", "=", at), of("deferred.id", ">", after.id)]),
      ]),
    );
  }
  return (await query.execute()).map(entryFrom);
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
  const row = await tx.db
    .selectFrom("deferred")
    .select("id")
    .where("id", "=", id)
    .executeTakeFirst();
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
  await tx.db.deleteFrom("outbox").where("deferred", "=", id).execute();
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
