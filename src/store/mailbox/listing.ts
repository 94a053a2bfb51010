/** Messages of mailboxes: pages of a folder, and messages by what names them. */
import { sql, type Expression, type ExpressionBuilder, type SqlBool } from "kysely";

import type { AccountId } from "../../words/account.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";
import { COLUMNS, rowFrom, type MailboxRow } from "./message-rows.ts";

/** What each of these queries begins with. */
export function rowsOf({ db }: Store, account: AccountId) {
  return db.selectFrom("mailbox_messages").select(COLUMNS).where("account", "=", account);
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
  const query = rowsOf(store, account)
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
  const rows = await rowsOf(store, account).where("id", "in", ids).execute();
  const byId = new Map(rows.map((row) => [row.id, rowFrom(row)]));
  return [...new Set(ids)].flatMap((id) => byId.get(id) ?? []);
}

/** Maximum number of messages with one Message-ID that are told: anybody may use one again. */
const MAX_NAMED = 100;

/** The messages with one of these tags of their Message-IDs. */
export async function selectNamed(
  store: Store,
  account: AccountId,
  names: readonly string[],
): Promise<readonly MailboxRow[]> {
  if (names.length === 0) return [];
  const rows = await rowsOf(store, account)
    .where("name", "in", names)
    .where("name", "<>", sql.lit(""))
    .where("expunge_at", "=", sql.lit(0))
    .limit(MAX_NAMED)
    .execute();
  return rows.map(rowFrom);
}

/** Whether one of the messages with these tags came or left encrypted; removed ones count as long as they are here. */
export async function hasSealedNamed(
  store: Store,
  account: AccountId,
  names: readonly string[],
): Promise<boolean> {
  if (names.length === 0) return false;
  const row = await store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    .where("name", "in", names)
    .where("name", "<>", sql.lit(""))
    .where("is_protected", "=", sql.lit(1))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The IDs of an account that begin with a text; at most `limit`. */
export async function selectIdsFrom(
  store: Store,
  account: AccountId,
  o: { readonly beginning: string; readonly limit: number },
): Promise<readonly string[]> {
  const { beginning, limit } = o;
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    .where("id", ">=", beginning)
    .where("id", "<", `${beginning}~`)
    .where("expunge_at", "=", sql.lit(0))
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Messages that changed after `change`, removed ones too, in the order of their changes. */
export async function selectChanged(
  store: Store,
  account: AccountId,
  o: { readonly after: number; readonly limit: number },
): Promise<readonly MailboxRow[]> {
  const rows = await rowsOf(store, account)
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
  const rows = await rowsOf(store, account)
    .where("key", "=", sql.lit(""))
    .where("number", ">", o.after)
    .orderBy("number")
    .limit(o.limit)
    .execute();
  return rows.map(rowFrom);
}

/** Messages with news that are not part of their summary yet, the oldest first. */
export async function selectWithNews(
  store: Store,
  account: AccountId,
  o: { readonly after: number; readonly limit: number },
): Promise<readonly MailboxRow[]> {
  const rows = await rowsOf(store, account)
    .where("has_news", "=", sql.lit(1))
    .where("number", ">", o.after)
    .orderBy("number")
    .limit(o.limit)
    .execute();
  return rows.map(rowFrom);
}

/** Messages whose summary is under another key than that of this key pair, the oldest first. */
export async function selectUnderOthers(
  store: Store,
  account: AccountId,
  o: { readonly key: string; readonly after: number; readonly limit: number },
): Promise<readonly MailboxRow[]> {
  const rows = await rowsOf(store, account)
    .where("key", "<>", o.key)
    .where("number", ">", o.after)
    .orderBy("number")
    .limit(o.limit)
    .execute();
  return rows.map(rowFrom);
}

/** All messages of an account that refer to a blob, removed ones too. */
export async function selectOfBlob(
  store: Store,
  account: AccountId,
  blob: string,
): Promise<readonly MailboxRow[]> {
  const rows = await rowsOf(store, account).where("blob", "=", blob).orderBy("number").execute();
  return rows.map(rowFrom);
}
