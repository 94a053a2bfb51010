/**
 * One row for each mailbox: the latest number and change it gave out, and what its messages come to. A transaction that
 * changes a mailbox takes this row first, so that changes of one mailbox follow each other and their numbers tell the order.
 */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Store } from "../store.ts";

/** How many messages a mailbox has, the octets that they take here, and its latest change. */
export type MailboxFigures = {
  readonly messages: number;
  readonly bytes: number;
  readonly lastChange: number;
  /** Of messages deleted since an earlier change nothing is known any more. */
  readonly expungedChange: number;
};

const EMPTY: MailboxFigures = { messages: 0, bytes: 0, lastChange: 0, expungedChange: 0 };

/** What a mailbox has now. */
export async function readMailbox(store: Store, account: AccountId): Promise<MailboxFigures> {
  const row = await store.db
    .selectFrom("mailboxes")
    .select(["messages", "bytes", "last_change", "expunged_change"])
    .where("account", "=", account)
    .executeTakeFirst();
  if (row === undefined) return EMPTY;
  const { messages, bytes, last_change: lastChange, expunged_change: expungedChange } = row;
  return { messages, bytes, lastChange, expungedChange };
}

/** The octets of an account's waiting mail, and those of its mailbox, in one statement. */
export async function readOctets(
  store: Store,
  account: AccountId,
): Promise<{ readonly waiting: number; readonly kept: number }> {
  const row = await selectOctets(store, { account }).executeTakeFirst();
  return { waiting: row?.waiting ?? 0, kept: row?.kept ?? 0 };
}

const selectOctets = compiled((db, { account }: { readonly account: string }) =>
  db.selectNoFrom((of) => [
    of.selectFrom("spool_use").select("bytes").where("account", "=", account).as("waiting"),
    of.selectFrom("mailboxes").select("bytes").where("account", "=", account).as("kept"),
  ]),
);

/** The latest change of each of these mailboxes; one without a change may be missing. */
export async function readLastChanges(
  store: Store,
  accounts: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, number>> {
  if (accounts.length === 0) return new Map();
  const rows = await store.db
    .selectFrom("mailboxes")
    .select(["account", "last_change"])
    .where("account", "in", accounts)
    .execute();
  return new Map(rows.map((row) => [row.account as AccountId, row.last_change]));
}

/** Takes the mailbox for a change, until the caller's transaction ends. @returns the number of the change. */
export async function beginChange(tx: Store, account: AccountId): Promise<number> {
  const row = await countChange(tx, { account }).executeTakeFirst();
  return rowOf(row).last_change;
}

const countChange = compiled((db, { account }: { readonly account: string }) =>
  db
    .insertInto("mailboxes")
    .values({ account, last_change: 1 })
    .onConflict((conflict) =>
      conflict.column("account").doUpdateSet({ last_change: sql`mailboxes.last_change + 1` }),
    )
    .returning("last_change"),
);

/** What a statement returns that changes a row which is there. */
function rowOf<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new Error("the row of a mailbox is gone while it is held");
  return row;
}

/** Takes the mailbox, until the caller's transaction ends, for what readers do not see as a change. */
export async function holdMailbox(tx: Store, account: AccountId): Promise<void> {
  const query = tx.db.selectFrom("mailboxes").select("account").where("account", "=", account);
  // A transaction on SQLite holds the only write lock already.
  await (tx.engine === "postgres" ? query.forUpdate() : query).executeTakeFirst();
}

/** Counts messages that come, or with a negative `messages` go, in the transaction that holds the mailbox. @returns the latest number. */
export async function countInMailbox(
  tx: Store,
  account: AccountId,
  counted: { readonly messages: number; readonly bytes: number },
): Promise<number> {
  const come = Math.max(counted.messages, 0);
  return rowOf(await addFigures(tx, { account, come, ...counted }).executeTakeFirst()).last_number;
}

type Counted = {
  readonly account: string;
  readonly come: number;
  readonly messages: number;
  readonly bytes: number;
};

const addFigures = compiled((db, { account, come, messages, bytes }: Counted) =>
  db
    .updateTable("mailboxes")
    .set((column) => ({
      last_number: column("last_number", "+", come),
      messages: column("messages", "+", messages),
      bytes: column("bytes", "+", bytes),
    }))
    .where("account", "=", account)
    .returning("last_number"),
);

/** Remembers that nothing tells any more which messages were deleted up to a change. */
export async function forgetChanges(tx: Store, account: AccountId, change: number): Promise<void> {
  await tx.db
    .updateTable("mailboxes")
    .set({ expunged_change: change })
    .where("account", "=", account)
    .where("expunged_change", "<", change)
    .execute();
}
