import { after, fromUnixMs, HOUR } from "../base/time.ts";
import { formatAddress, type CanonicalAddress, type EmailAddress } from "../mail/address.ts";
import { holdAccount } from "./account-locks.ts";
import { addressFrom } from "./row.ts";
import type { Store } from "./store.ts";

/**
 * One copy that waits for the next hop; `envelope` is JSON text, `wrapped` the message under the queue key of the service
 * key that `serviceKey` names. It belongs to `account`, whose address `sender` is, or was when it was accepted.
 */
export type OutboxRow = {
  readonly id: string;
  readonly sender: EmailAddress;
  readonly account: CanonicalAddress;
  readonly messageId: string;
  readonly envelope: string;
  readonly wrapped: Uint8Array;
  readonly serviceKey: string;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly nextAt: Date;
};

export async function insertOutbox(store: Store, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await store.db
    .insertInto("outbox")
    .values(
      rows.map((row) => ({
        id: row.id,
        sender: formatAddress(row.sender),
        account: row.account,
        message_id: row.messageId,
        envelope: row.envelope,
        wrapped: row.wrapped,
        service_key: row.serviceKey,
        attempts: row.attempts,
        created_at: row.createdAt.getTime(),
        next_at: row.nextAt.getTime(),
      })),
    )
    .execute();
}

/** No copy is put off for longer: one that is due later was kept before the clock was set back, and is due now. */
const MAX_AHEAD_MS = 2 * HOUR;

/**
 * Takes the copies that are due for this process: their next attempt is moved to `leaseUntil`, so that another process
 * leaves them alone, and a crash only delays them.
 */
export async function takeDue(
  store: Store,
  now: Date,
  leaseUntil: Date,
  limit: number,
): Promise<readonly OutboxRow[]> {
  return store.transaction(async (tx) => {
    const due = tx.db
      .selectFrom("outbox")
      .select("id")
      .where((row) =>
        row.or([
          row("next_at", "<=", now.getTime()),
          row("next_at", ">", after(now, MAX_AHEAD_MS).getTime()),
        ]),
      )
      .orderBy("next_at")
      .limit(limit);
    const rows = await tx.db
      .updateTable("outbox")
      .set({ next_at: leaseUntil.getTime() })
      .where("id", "in", tx.engine === "postgres" ? due.forUpdate().skipLocked() : due)
      .returningAll()
      .execute();
    return rows.map((row) => ({
      id: row.id,
      sender: addressFrom(row.sender),
      account: row.account as CanonicalAddress,
      messageId: row.message_id,
      envelope: row.envelope,
      wrapped: row.wrapped,
      serviceKey: row.service_key,
      attempts: row.attempts,
      createdAt: fromUnixMs(row.created_at),
      nextAt: fromUnixMs(row.next_at),
    }));
  });
}

/** The next attempt of a copy, for those of its recipients that are left. */
export async function postpone(
  store: Store,
  id: string,
  next: { readonly envelope: string; readonly attempts: number; readonly nextAt: Date },
): Promise<void> {
  await store.db
    .updateTable("outbox")
    .set({ envelope: next.envelope, attempts: next.attempts, next_at: next.nextAt.getTime() })
    .where("id", "=", id)
    .execute();
}

/**
 * Keeps a waiting copy and the account that it belongs to until the transaction ends: the account as it is called now, or
 * undefined when either was erased. To be used inside a transaction.
 */
export async function holdOutbox(store: Store, id: string): Promise<CanonicalAddress | undefined> {
  for (let last = ""; ;) {
    const row = await store.db
      .selectFrom("outbox")
      .select("account")
      .where("id", "=", id)
      .executeTakeFirst();
    if (row === undefined || row.account === last) return undefined;
    const account = row.account as CanonicalAddress;
    if ((await holdAccount(store, account)) !== undefined) return account;
    // It was renamed while its lock was waited for: the copy knows its new name.
    last = row.account;
  }
}

/** Ends the waiting of a copy. */
export async function deleteOutbox(store: Store, id: string): Promise<void> {
  await store.db.deleteFrom("outbox").where("id", "=", id).execute();
}
