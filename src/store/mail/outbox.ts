import { formatAddress, type EmailAddress } from "../../mail/address.ts";
import type { AccountId } from "../../words/account.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import { insertPieces, keepOnly, readPieces, rowPart, untilWhole } from "../engine/pieces.ts";
import { addressFrom } from "../engine/row.ts";
import { deleteJob, insertJob } from "../jobs/jobs.ts";
import type { Store } from "../store.ts";

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
  readonly createdAt: Date;
};

/** Keeps copies, each with the job that sends it, which is due at once. One that is kept already stays as it is. */
export async function insertOutbox(store: Store, rows: readonly OutboxRow[]): Promise<void> {
  for (const row of rows) {
    await store.transaction(async (tx) => {
      if (!(await insertRow(tx, row, ""))) return;
      const { id: subject, account, createdAt } = row;
      await insertJob(tx, { kind: "outbox", subject, account, createdAt });
    });
  }
}

/** Keeps a part of a message that is deferred. It leaves only as what is made of it. To be used inside a transaction. */
export async function insertPart(tx: Store, deferred: string, part: OutboxRow): Promise<void> {
  await insertRow(tx, part, deferred);
}

/** False: there is a row of this ID already. */
async function insertRow(tx: Store, row: OutboxRow, deferred: string): Promise<boolean> {
  const { inRow, pieces } = rowPart(row.wrapped);
  const added = await tx.db
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
      deferred,
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returning("id")
    .executeTakeFirst();
  if (added === undefined) return false;
  await insertPieces(tx, { ...COPY, owner: row.id, name: pieces }, row.wrapped);
  return true;
}

/** A copy without its octets, which `readCopy` reads. */
export type WaitingCopy = Omit<OutboxRow, "wrapped" | "serviceKey" | "createdAt">;

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

/** A copy, without its octets; undefined when it no longer waits. */
export async function readWaiting(store: Store, id: string): Promise<WaitingCopy | undefined> {
  const row = await store.db
    .selectFrom("outbox")
    .select(["sender", "account", "message_id", "envelope", "deferred"])
    .where("id", "=", id)
    .executeTakeFirst();
  // A part of a deferred message never leaves as it is.
  if (row?.deferred !== "") return undefined;
  return {
    id,
    sender: addressFrom(row.sender),
    account: row.account as AccountId,
    messageId: row.message_id,
    envelope: row.envelope,
  };
}

/** Leaves a copy for those of its recipients that are left. */
export async function updateEnvelope(store: Store, id: string, envelope: string): Promise<void> {
  await store.db.updateTable("outbox").set({ envelope }).where("id", "=", id).execute();
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

/** Ends the waiting of a copy, in the caller's transaction. */
export async function deleteOutbox(store: Store, id: string): Promise<void> {
  await store.db.deleteFrom("outbox").where("id", "=", id).execute();
  await deleteJob(store, { kind: "outbox", subject: id });
}
