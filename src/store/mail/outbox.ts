import { after, fromUnixMs, HOUR } from "../../base/time.ts";
import { formatAddress, type EmailAddress } from "../../mail/address.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import { insertPieces, keepOnly, readPieces, rowPart, untilWhole } from "../engine/pieces.ts";
import { addressFrom } from "../engine/row.ts";
import type { Store } from "../store.ts";
import type { AccountId } from "../../words/account.ts";

/**
 * One copy that waits for the next hop; `envelope` is JSON text, `wrapped` the message under the queue key of the service
 * key that `serviceKey` names. It belongs to `account`, whose address `sender` is, or was when it was accepted.
 */
export type OutboxRow = {
  readonly id: string;
  readonly sender: EmailAddress;
  readonly account: AccountId;
  readonly messageId: string;
  readonly envelope: string;
  readonly wrapped: Uint8Array;
  readonly serviceKey: string;
  readonly attempts: number;
  readonly createdAt: Date;
  readonly nextAt: Date;
};

export async function insertOutbox(store: Store, rows: readonly OutboxRow[]): Promise<void> {
  for (const row of rows) {
    const { inRow, pieces } = rowPart(row.wrapped);
    await store.transaction(async (tx) => {
      await tx.db
        .insertInto("outbox")
        .values({
          id: row.id,
          sender: formatAddress(row.sender),
          account: row.account,
          message_id: row.messageId,
          envelope: row.envelope,
          wrapped: inRow,
          pieces,
          service_key: row.serviceKey,
          attempts: row.attempts,
          created_at: row.createdAt.getTime(),
          next_at: row.nextAt.getTime(),
        })
        .execute();
      await insertPieces(tx, { ...COPY, owner: row.id, name: pieces }, row.wrapped);
    });
  }
}

/** A copy that is due; `readCopy` reads its octets. */
export type DueCopy = Omit<OutboxRow, "wrapped" | "serviceKey">;

/** Where large copies are. */
const COPY = { table: "outbox_pieces" } as const;

/** A copy as it is kept, and the service key it is kept under. */
type Kept = Pick<OutboxRow, "id" | "wrapped" | "serviceKey">;

/** It, wherever it is; undefined when it no longer waits. */
export async function readCopy(store: Store, id: string): Promise<Kept | undefined> {
  const row = async () =>
    store.db
      .selectFrom("outbox")
      .select(["wrapped", "pieces", "service_key"])
      .where("id", "=", id)
      .executeTakeFirst();
  return untilWhole(row, async (found) => {
    const { pieces: name, service_key: serviceKey } = found;
    const wrapped =
      name === "" ? found.wrapped : await readPieces(store, { ...COPY, owner: id, name });
    return wrapped && { id, wrapped, serviceKey };
  });
}

/** Puts other bytes in place of a waiting copy's, if it still waits. */
export async function replaceCopy(store: Store, { id, wrapped, serviceKey }: Kept): Promise<void> {
  const { inRow, pieces } = rowPart(wrapped);
  await store.transaction(async (tx) => {
    const updated = await tx.db
      .updateTable("outbox")
      .set({ wrapped: inRow, pieces, service_key: serviceKey })
      .where("id", "=", id)
      .returning("id")
      .executeTakeFirst();
    if (updated === undefined) return;
    const set = { ...COPY, owner: id, name: pieces };
    await insertPieces(tx, set, wrapped);
    await keepOnly(tx, set);
  });
}

/** No copy is put off for longer: one that is due later was kept before the clock was set back, and is due now. */
const MAX_AHEAD_MS = 2 * HOUR;

/**
 * Takes the copy that has been due for longest for this process: its next attempt is moved to `leaseUntil`, so that another
 * process leaves it alone, and a crash only delays it.
 */
export async function takeDue(
  store: Store,
  now: Date,
  leaseUntil: Date,
): Promise<DueCopy | undefined> {
  const row = await store.transaction(async (tx) => {
    const due = tx.db
      .selectFrom("outbox")
      .select("id")
      .where((each) =>
        each.or([
          each("next_at", "<=", now.getTime()),
          each("next_at", ">", after(now, MAX_AHEAD_MS).getTime()),
        ]),
      )
      .orderBy("next_at")
      .limit(1);
    return tx.db
      .updateTable("outbox")
      .set({ next_at: leaseUntil.getTime() })
      .where("id", "in", tx.engine === "postgres" ? due.forUpdate().skipLocked() : due)
      .returning([
        "id",
        "sender",
        "account",
        "message_id",
        "envelope",
        "attempts",
        "created_at",
        "next_at",
      ])
      .executeTakeFirst();
  });
  if (row === undefined) return undefined;
  return {
    id: row.id,
    sender: addressFrom(row.sender),
    account: row.account as AccountId,
    messageId: row.message_id,
    envelope: row.envelope,
    attempts: row.attempts,
    createdAt: fromUnixMs(row.created_at),
    nextAt: fromUnixMs(row.next_at),
  };
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
 * Keeps a waiting copy and the account that it belongs to until the transaction ends. False when either was erased. To be
 * used inside a transaction.
 */
export async function holdOutbox(
  store: Store,
  { id, account }: Pick<OutboxRow, "id" | "account">,
): Promise<boolean> {
  if ((await holdAccount(store, account)) === undefined) return false;
  const query = store.db.selectFrom("outbox").select("id").where("id", "=", id);
  return (await query.executeTakeFirst()) !== undefined;
}

/** Ends the waiting of a copy. */
export async function deleteOutbox(store: Store, id: string): Promise<void> {
  await store.db.deleteFrom("outbox").where("id", "=", id).execute();
}
