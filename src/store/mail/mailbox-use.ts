/**
 * What the messages of each account come to, in a row of its own. Whoever adds a message, or changes its state or its size,
 * counts that in the same transaction. A delivery therefore adds up no mailbox.
 */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Store } from "../store.ts";

/** How many messages a mailbox holds and the octets that they take here; how many of them wait, and the octets of these. */
export type MailboxUse = {
  readonly count: number;
  readonly usedBytes: number;
  readonly pendingCount: number;
  readonly pendingBytes: number;
};

/** What of a message is counted. */
export type CountedMessage = { readonly isPending: boolean; readonly storedBytes: number };

const NOTHING: MailboxUse = { count: 0, usedBytes: 0, pendingCount: 0, pendingBytes: 0 };

/** What a mailbox holds now. */
export async function readMailboxUse(store: Store, account: AccountId): Promise<MailboxUse> {
  const row = await selectUse(store, { account }).executeTakeFirst();
  return row === undefined ? NOTHING : fromRow(row);
}

const selectUse = compiled((db, { account }: { readonly account: string }) =>
  db.selectFrom("mailbox_use").selectAll().where("account", "=", account),
);

/** Counts a new message, in the transaction that stores it. */
export async function countNewMessage(
  tx: Store,
  account: AccountId,
  message: CountedMessage,
): Promise<void> {
  await addUse(tx, { account, ...useOf(message) }).execute();
}

const addUse = compiled(
  (
    db,
    { account, count, usedBytes, pendingCount, pendingBytes }: MailboxUse & { account: string },
  ) =>
    db
      .insertInto("mailbox_use")
      .values({
        account,
        messages: count,
        bytes: usedBytes,
        pending: pendingCount,
        pending_bytes: pendingBytes,
      })
      .onConflict((conflict) =>
        conflict.column("account").doUpdateSet({
          messages: sql<number>`mailbox_use.messages + ${count}`,
          bytes: sql<number>`mailbox_use.bytes + ${usedBytes}`,
          pending: sql<number>`mailbox_use.pending + ${pendingCount}`,
          pending_bytes: sql<number>`mailbox_use.pending_bytes + ${pendingBytes}`,
        }),
      ),
);

/**
 * Keeps a message until the caller's transaction ends, so that nobody else changes what is counted of it; undefined when
 * this account has no such message.
 */
export async function holdMessage(
  tx: Store,
  account: AccountId,
  id: string,
): Promise<CountedMessage | undefined> {
  const row = await holdCounted(tx, { account, id }).executeTakeFirst();
  return row && countedFrom(row);
}

const holdCounted = compiled(
  (db, { account, id }: { readonly account: string; readonly id: string }, engine) => {
    const query = db
      .selectFrom("messages")
      .select(["state", "stored_bytes"])
      .where("id", "=", id)
      .where("account", "=", account);
    // A transaction on SQLite holds the only write lock already.
    return engine === "postgres" ? query.forUpdate() : query;
  },
);

/** A row of `messages` as it is counted. */
export function countedFrom(row: {
  readonly state: string;
  readonly stored_bytes: number;
}): CountedMessage {
  return { isPending: row.state === "pending", storedBytes: row.stored_bytes };
}

/** Counts what became of a message, in the transaction that holds it. */
export async function countChangedMessage(
  tx: Store,
  account: AccountId,
  before: CountedMessage,
  now: CountedMessage,
): Promise<void> {
  const [was, is] = [useOf(before), useOf(now)];
  const bytes = is.usedBytes - was.usedBytes;
  const pending = is.pendingCount - was.pendingCount;
  const pendingBytes = is.pendingBytes - was.pendingBytes;
  if (bytes === 0 && pending === 0 && pendingBytes === 0) return;
  await changeUse(tx, { account, bytes, pending, pendingBytes }).execute();
}

type UseChange = {
  readonly account: string;
  readonly bytes: number;
  readonly pending: number;
  readonly pendingBytes: number;
};

const changeUse = compiled((db, { account, bytes, pending, pendingBytes }: UseChange) =>
  db
    .updateTable("mailbox_use")
    .set((row) => ({
      bytes: row("bytes", "+", bytes),
      pending: row("pending", "+", pending),
      pending_bytes: row("pending_bytes", "+", pendingBytes),
    }))
    .where("account", "=", account),
);

/** The accounts for which mail waits, with what their mailboxes hold. */
export async function listWaitingMailboxes(
  store: Store,
): Promise<readonly (MailboxUse & { readonly account: AccountId })[]> {
  const rows = await store.db
    .selectFrom("mailbox_use")
    .selectAll()
    .where("pending", ">", sql.lit(0))
    .execute();
  return rows.map((row) => ({ account: row.account as AccountId, ...fromRow(row) }));
}

function useOf({ isPending, storedBytes }: CountedMessage): MailboxUse {
  return {
    count: 1,
    usedBytes: storedBytes,
    pendingCount: isPending ? 1 : 0,
    pendingBytes: isPending ? storedBytes : 0,
  };
}

function fromRow(row: {
  readonly messages: number;
  readonly bytes: number;
  readonly pending: number;
  readonly pending_bytes: number;
}): MailboxUse {
  return {
    count: row.messages,
    usedBytes: row.bytes,
    pendingCount: row.pending,
    pendingBytes: row.pending_bytes,
  };
}

/** Counts that a message is gone, in the transaction that deletes it. */
export async function uncountMessage(
  tx: Store,
  account: AccountId,
  message: CountedMessage,
): Promise<void> {
  const { usedBytes, pendingCount, pendingBytes } = useOf(message);
  await tx.db
    .updateTable("mailbox_use")
    .set((row) => ({
      messages: row("messages", "-", 1),
      bytes: row("bytes", "-", usedBytes),
      pending: row("pending", "-", pendingCount),
      pending_bytes: row("pending_bytes", "-", pendingBytes),
    }))
    .where("account", "=", account)
    .execute();
}
