/** Where messages stand in lists of a whole mailbox, for searches: the newest first, removed ones left out. */
import { sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { isBehind, rowsOf, type PlaceInList } from "./listing.ts";
import { rowFrom, type MailboxRow } from "./message-rows.ts";

/** A message, and what of it may be asked for without its keys. */
export type MessagePlace = PlaceInList & {
  readonly folder: string;
  readonly state: string;
  readonly hasNotice: boolean;
};

/** What rows are asked for: of one folder, with a notice, received from `from` on and before `until`. */
export type AskedPlaces = {
  readonly folder: string | undefined;
  readonly hasNotice?: true | undefined;
  readonly from: Date | undefined;
  readonly until: Date | undefined;
};

const PLACE = ["number", "received_at", "folder", "state", "has_notice"] as const;

/** Places behind `after`, the newest first. */
export async function walkPlaces(
  store: Store,
  account: AccountId,
  asked: AskedPlaces & { readonly after: PlaceInList | undefined; readonly limit: number },
): Promise<readonly MessagePlace[]> {
  const { folder, hasNotice, from, until, after, limit } = asked;
  let query = store.db
    .selectFrom("mailbox_messages")
    .select(PLACE)
    .where("account", "=", account)
    .where("expunge_at", "=", sql.lit(0))
    .orderBy("received_at", "desc")
    .orderBy("number", "desc")
    .limit(limit);
  if (folder !== undefined) query = query.where("folder", "=", folder);
  if (hasNotice === true) query = query.where("has_notice", "=", sql.lit(1));
  if (from !== undefined) query = query.where("received_at", ">=", from.getTime());
  if (until !== undefined) query = query.where("received_at", "<", until.getTime());
  if (after !== undefined) query = query.where((row) => isBehind(row, after));
  return (await query.execute()).map(placeFrom);
}

/** The places of messages by their numbers, in no order: some hundreds at most. */
export async function selectPlaces(
  store: Store,
  account: AccountId,
  numbers: readonly number[],
): Promise<readonly MessagePlace[]> {
  if (numbers.length === 0) return [];
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select([...PLACE, "expunge_at"])
    .where("account", "=", account)
    .where("number", "in", numbers)
    .execute();
  return rows.filter(({ expunge_at: at }) => at === 0).map(placeFrom);
}

/** Messages by their numbers, in the order of these: some hundreds at most. */
export async function selectByNumber(
  store: Store,
  account: AccountId,
  numbers: readonly number[],
): Promise<readonly MailboxRow[]> {
  if (numbers.length === 0) return [];
  const rows = await rowsOf(store, account).where("number", "in", numbers).execute();
  const byNumber = new Map(rows.map((row) => [row.number, rowFrom(row)]));
  return numbers.flatMap((number) => byNumber.get(number) ?? []);
}

function placeFrom(row: {
  readonly number: number;
  readonly received_at: number;
  readonly folder: string;
  readonly state: string;
  readonly has_notice: number;
}): MessagePlace {
  const { number, received_at: at, folder, state, has_notice: notice } = row;
  return { number, receivedAt: fromUnixMs(at), folder, state, hasNotice: notice === 1 };
}
