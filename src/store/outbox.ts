import { fromUnixMs } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { formatAddress } from "../mail/address.ts";
import { addressFrom } from "./row.ts";
import type { Store } from "./store.ts";

/**
 * One copy that waits for the next hop; `envelope` is JSON text, `wrapped` the message under the queue key of the service
 * key that `serviceKey` names.
 */
export type OutboxRow = {
  readonly id: string;
  readonly sender: EmailAddress;
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
      .where("next_at", "<=", now.getTime())
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

/** Ends the waiting of a copy. */
export async function deleteOutbox(store: Store, id: string): Promise<void> {
  await store.db.deleteFrom("outbox").where("id", "=", id).execute();
}
