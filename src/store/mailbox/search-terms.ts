/**
 * What the index knows each message by: one wrapped row for each message, in a segment of the index or in none. A
 * transaction that writes such a row holds the mailbox.
 */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { rowsOf } from "./listing.ts";
import { holdMailbox } from "./mailboxes.ts";
import { rowFrom, type MailboxRow } from "./message-rows.ts";

/** Terms under the key of a key pair. */
export type WrappedTerms = { readonly key: string; readonly octets: Uint8Array };

/** Where the terms of a message are: `segment` is "" while they are in none. Other terms have another `written`. */
export type TermPlace = {
  readonly number: number;
  readonly written: number;
  readonly segment: string;
  /** The key pair under whose key they are. */
  readonly key: string;
};

export type TermRow = TermPlace & WrappedTerms;

const PLACE = ["number", "written", "segment", "key"] as const;

/** Maximum number of messages of one question. */
const MAX_ASKED = 500;

/** Messages that have no terms yet, the oldest first. */
export async function selectToIndex(
  store: Store,
  account: AccountId,
  o: { readonly after: number; readonly limit: number },
): Promise<readonly MailboxRow[]> {
  const rows = await rowsOf(store, account)
    .where("is_indexed", "=", sql.lit(0))
    .where("number", ">", o.after)
    .orderBy("number")
    .limit(o.limit)
    .execute();
  return rows.map(rowFrom);
}

/** How many messages have no terms yet. */
export async function countToIndex(store: Store, account: AccountId): Promise<number> {
  const row = await store.db
    .selectFrom("mailbox_messages")
    .select((select) => select.fn.countAll<number>().as("count"))
    .where("account", "=", account)
    .where("is_indexed", "=", sql.lit(0))
    .executeTakeFirstOrThrow();
  return row.count;
}

/** Terms made of a message as it was read. */
export type MadeTerms = WrappedTerms & {
  readonly row: Pick<MailboxRow, "number" | "change" | "summary">;
};

/** Stores terms of messages that have none, and whose summary is still the one that was read. @returns how many. */
export async function insertTerms(
  store: Store,
  account: AccountId,
  made: readonly MadeTerms[],
): Promise<number> {
  return store.transaction(async (tx) => {
    await holdMailbox(tx, account);
    let count = 0;
    for (const { row, key, octets } of made) {
      const marked = await tx.db
        .updateTable("mailbox_messages")
        .set({ is_indexed: 1 })
        .where("account", "=", account)
        .where("number", "=", row.number)
        .where("is_indexed", "=", sql.lit(0))
        .where("summary", "=", row.summary)
        .returning("number")
        .executeTakeFirst();
      if (marked === undefined) continue;
      const { number, change: written } = row;
      await tx.db
        .insertInto("search_terms")
        .values({ account, number, written, key, terms: octets })
        .execute();
      count += 1;
    }
    return count;
  });
}

/** Replaces the terms of a message by others, which are in no segment, or by none, in the transaction that changed it. */
export async function changeTerms(
  tx: Store,
  account: AccountId,
  { number, written }: Pick<TermPlace, "number" | "written">,
  terms: WrappedTerms | undefined,
): Promise<void> {
  await tx.db
    .deleteFrom("search_terms")
    .where("account", "=", account)
    .where("number", "=", number)
    .execute();
  if (terms === undefined) return;
  const { key, octets } = terms;
  await tx.db
    .insertInto("search_terms")
    .values({ account, number, written, key, terms: octets })
    .execute();
}

/** Deletes terms that are not as they were written, so that their messages are indexed once more. */
export async function forgetTerms(
  store: Store,
  account: AccountId,
  places: readonly Pick<TermPlace, "number" | "written">[],
): Promise<void> {
  await store.transaction(async (tx) => {
    await holdMailbox(tx, account);
    for (const { number, written } of places) {
      const deleted = await tx.db
        .deleteFrom("search_terms")
        .where("account", "=", account)
        .where("number", "=", number)
        .where("written", "=", written)
        .returning("number")
        .executeTakeFirst();
      if (deleted === undefined) continue;
      await tx.db
        .updateTable("mailbox_messages")
        .set({ is_indexed: 0 })
        .where("account", "=", account)
        .where("number", "=", number)
        .execute();
    }
  });
}

/** Where the terms of messages are, by number; those that have none are missing. */
export async function selectTermPlaces(
  store: Store,
  account: AccountId,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, TermPlace>> {
  const found = new Map<number, TermPlace>();
  for (let at = 0; at < numbers.length; at += MAX_ASKED) {
    const rows = await store.db
      .selectFrom("search_terms")
      .select(PLACE)
      .where("account", "=", account)
      .where("number", "in", numbers.slice(at, at + MAX_ASKED))
      .execute();
    for (const row of rows) found.set(row.number, row);
  }
  return found;
}

/** Terms of messages, in the order of their numbers: some hundreds at most. */
export async function selectTerms(
  store: Store,
  account: AccountId,
  numbers: readonly number[],
): Promise<readonly TermRow[]> {
  if (numbers.length === 0) return [];
  return store.db
    .selectFrom("search_terms")
    .select([...PLACE, "terms as octets"])
    .where("account", "=", account)
    .where("number", "in", numbers)
    .orderBy("number")
    .execute();
}

/** The places of all terms of a segment, "" for those of none, in the order of their numbers. */
export async function listTermPlaces(
  store: Store,
  account: AccountId,
  segment: string,
): Promise<readonly TermPlace[]> {
  return store.db
    .selectFrom("search_terms")
    .select(PLACE)
    .where("account", "=", account)
    .where("segment", "=", segment)
    .orderBy("number")
    .execute();
}

/** How many messages each segment has, and how many are in none (""). */
export async function countTerms(
  store: Store,
  account: AccountId,
): Promise<ReadonlyMap<string, number>> {
  const rows = await store.db
    .selectFrom("search_terms")
    .select((select) => ["segment", select.fn.countAll<number>().as("count")])
    .where("account", "=", account)
    .groupBy("segment")
    .execute();
  return new Map(rows.map(({ segment, count }) => [segment, count]));
}

/** Terms under another key than that of this key pair, in the order of their numbers. */
export async function selectTermsUnderOthers(
  store: Store,
  account: AccountId,
  o: { readonly key: string; readonly after: number; readonly limit: number },
): Promise<readonly TermRow[]> {
  return store.db
    .selectFrom("search_terms")
    .select([...PLACE, "terms as octets"])
    .where("account", "=", account)
    .where("key", "<>", o.key)
    .where("number", ">", o.after)
    .orderBy("number")
    .limit(o.limit)
    .execute();
}

/** The same terms under another key. Those that changed since they were read stay as they are. */
export async function rewrapTerms(
  store: Store,
  account: AccountId,
  rewrapped: readonly { readonly row: TermPlace; readonly terms: WrappedTerms }[],
): Promise<void> {
  await store.transaction(async (tx) => {
    await holdMailbox(tx, account);
    for (const { row, terms } of rewrapped) {
      await tx.db
        .updateTable("search_terms")
        .set({ key: terms.key, terms: terms.octets })
        .where("account", "=", account)
        .where("number", "=", row.number)
        .where("written", "=", row.written)
        .where("key", "=", row.key)
        .execute();
    }
  });
}
