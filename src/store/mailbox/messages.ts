/** The messages of mailboxes: what is stored of each, and pages of them. What changes them is in `message-changes.ts`. */
import {
  sql,
  type Expression,
  type ExpressionBuilder,
  type Selectable,
  type SqlBool,
} from "kysely";

import { type Octets, octetsIn } from "../../base/large-octets.ts";
import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";
import { insertBlob, sizeOfBlob } from "./blobs.ts";
import { countInFolder } from "./folders.ts";
import { beginChange, countInMailbox } from "./mailboxes.ts";

/** A message as its row has it. `key` is empty while the summary is wrapped to the public key. */
export type MailboxRow = {
  readonly id: string;
  readonly folder: string;
  readonly number: number;
  readonly change: number;
  readonly flags: number;
  readonly form: string;
  readonly state: string;
  readonly blob: string;
  readonly key: string;
  readonly summary: Uint8Array;
  readonly sizeBytes: number;
  readonly receivedAt: Date;
  /** When a removed message is deleted; undefined: it is not removed. */
  readonly expungeAt: Date | undefined;
};

/** A message before it is stored. `once` keeps a repetition out; "" lets it in. A blob without octets is here already. */
export type NewMailboxRow = Pick<
  MailboxRow,
  "id" | "folder" | "flags" | "form" | "state" | "key" | "summary" | "sizeBytes" | "receivedAt"
> & { readonly once: string; readonly blob: NewBlob };

type NewBlob = { readonly id: string; readonly octets?: Octets };

/** The flag that tells seen messages from others. Folders count the others. */
export const SEEN = 1;

/** What is read of a row. */
export const COLUMNS = [
  "id",
  "folder",
  "number",
  "change",
  "flags",
  "form",
  "state",
  "blob",
  "key",
  "summary",
  "size_bytes",
  "received_at",
  "expunge_at",
] as const;

/**
 * Stores a message, or finds the one that was stored with the same `once`. Undefined: the account was closed or erased.
 */
export async function insertMailboxMessage(
  store: Store,
  account: AccountId,
  message: NewMailboxRow,
): Promise<{ readonly id: string; readonly isNew: boolean } | undefined> {
  return store.transaction(async (tx) => {
    if ((await holdAccount(tx, account)) !== "open") return undefined;
    const change = await beginChange(tx, account);
    const before = await findOnce(tx, account, message.once);
    if (before !== undefined) return { id: before, isNew: false };
    const { id, folder, flags, form, state, key, summary, once, blob } = message;
    if (blob.octets !== undefined) await insertBlob(tx, account, blob.id, blob.octets);
    const size = blob.octets === undefined ? await sizeOfBlob(tx, blob.id) : octetsIn(blob.octets);
    const bytes = size + summary.length;
    const number = await countInMailbox(tx, account, { messages: 1, bytes });
    await tx.db
      .insertInto("mailbox_messages")
      .values({
        id,
        account,
        folder,
        number,
        change,
        flags,
        form,
        state,
        blob: blob.id,
        key,
        summary,
        once,
        size_bytes: message.sizeBytes,
        stored_bytes: bytes,
        received_at: message.receivedAt.getTime(),
        expunge_at: 0,
      })
      .execute();
    await countInFolder(tx, account, folder, { messages: 1, unseen: unseenIn(flags) });
    return { id, isNew: true };
  });
}

/** What a message with these flags adds to the unseen ones. */
export function unseenIn(flags: number): 0 | 1 {
  return (flags & SEEN) === 0 ? 1 : 0;
}

async function findOnce(tx: Store, account: AccountId, once: string): Promise<string | undefined> {
  if (once === "") return undefined;
  const row = await tx.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    .where("once", "=", once)
    .where("once", "<>", sql.lit(""))
    .executeTakeFirst();
  return row?.id;
}

/** Where a page ends: the next one begins behind this message. */
export type PlaceInList = { readonly receivedAt: Date; readonly number: number };

/** A page of a folder, the newest first; behind `after`, where that is given. */
export async function selectPage(
  store: Store,
  account: AccountId,
  o: { readonly folder: string; readonly after: PlaceInList | undefined; readonly limit: number },
): Promise<readonly MailboxRow[]> {
  const { folder, after, limit } = o;
  const query = store.db
    .selectFrom("mailbox_messages")
    .select(COLUMNS)
    .where("account", "=", account)
    .where("folder", "=", folder)
    .where("expunge_at", "=", sql.lit(0))
    .orderBy("received_at", "desc")
    .orderBy("number", "desc")
    .limit(limit);
  const page = after === undefined ? query : query.where((row) => isBehind(row, after));
  return (await page.execute()).map(rowFrom);
}

/** Whether a row is behind a place. In pairs, which both engines find in the index. */
export function isBehind(
  row: ExpressionBuilder<Schema, "mailbox_messages">,
  { receivedAt, number }: PlaceInList,
): Expression<SqlBool> {
  const place = row.refTuple("received_at", "number");
  return row(place, "<", row.tuple(receivedAt.getTime(), number));
}

/** Messages by their IDs, in the order of these; of another account none. */
export async function selectById(
  store: Store,
  account: AccountId,
  ids: readonly string[],
): Promise<readonly MailboxRow[]> {
  if (ids.length === 0) return [];
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select(COLUMNS)
    .where("account", "=", account)
    .where("id", "in", ids)
    .execute();
  const byId = new Map(rows.map((row) => [row.id, rowFrom(row)]));
  return [...new Set(ids)].flatMap((id) => byId.get(id) ?? []);
}

/** Messages that changed after `change`, removed ones too, in the order of their changes. */
export async function selectChanged(
  store: Store,
  account: AccountId,
  o: { readonly after: number; readonly limit: number },
): Promise<readonly MailboxRow[]> {
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select(COLUMNS)
    .where("account", "=", account)
    .where("change", ">", o.after)
    .orderBy("change")
    .limit(o.limit)
    .execute();
  return rows.map(rowFrom);
}

/** Messages whose summary is still wrapped to the public key, the oldest first. */
export async function selectToFold(
  store: Store,
  account: AccountId,
  o: { readonly after: number; readonly limit: number },
): Promise<readonly MailboxRow[]> {
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select(COLUMNS)
    .where("account", "=", account)
    .where("key", "=", sql.lit(""))
    .where("number", ">", o.after)
    .orderBy("number")
    .limit(o.limit)
    .execute();
  return rows.map(rowFrom);
}

type Row = Pick<Selectable<Schema["mailbox_messages"]>, (typeof COLUMNS)[number]>;

/** A row as it was selected. */
export function rowFrom(row: Row): MailboxRow {
  const { size_bytes: sizeBytes, received_at: at, expunge_at: expungeAt, ...same } = row;
  return {
    ...same,
    sizeBytes,
    receivedAt: fromUnixMs(at),
    expungeAt: expungeAt === 0 ? undefined : fromUnixMs(expungeAt),
  };
}

/** Whether a message is in its folder, and not removed. */
export function isShown({ expungeAt }: Pick<MailboxRow, "expungeAt">): boolean {
  return expungeAt === undefined;
}
