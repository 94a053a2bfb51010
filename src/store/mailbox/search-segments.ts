/** Segments of the index of mailboxes: a wrapped head, and wrapped blocks. A segment never changes; another replaces it. */
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { holdMailbox } from "./mailboxes.ts";
import { selectTermPlaces, type TermPlace } from "./search-terms.ts";

/** A segment, the key pair under whose key it is wrapped, and how many messages it was made of. */
export type SegmentRow = { readonly id: string; readonly key: string; readonly messages: number };

/** Maximum number of rows that one statement changes. */
const MAX_AT_ONCE = 500;

/** The segments of a mailbox, in the order of their IDs. */
export async function listSegments(
  store: Store,
  account: AccountId,
): Promise<readonly SegmentRow[]> {
  return store.db
    .selectFrom("search_segments")
    .select(["id", "key", "messages"])
    .where("account", "=", account)
    .orderBy("id")
    .execute();
}

/** The head of a segment; undefined when it was deleted. */
export async function readSegmentHead(store: Store, id: string): Promise<Uint8Array | undefined> {
  const row = await store.db
    .selectFrom("search_segments")
    .select("head")
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.head;
}

/** Blocks of a segment by their numbers; those of a deleted one are missing. */
export async function readBlocks(
  store: Store,
  segment: string,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  if (numbers.length === 0) return new Map();
  const rows = await store.db
    .selectFrom("search_blocks")
    .select(["number", "bytes"])
    .where("segment", "=", segment)
    .where("number", "in", numbers)
    .execute();
  return new Map(rows.map(({ number, bytes }) => [number, bytes]));
}

/** A segment before it is stored, and what it is made of. */
export type NewSegment = {
  readonly id: string;
  readonly key: string;
  readonly head: Uint8Array;
  readonly blocks: readonly Uint8Array[];
  /** Where its messages had their terms when these were read. */
  readonly members: readonly TermPlace[];
  /** Segments in whose place it comes. */
  readonly replaced: readonly string[];
};

/**
 * Stores a segment in the place of others. Messages whose terms changed since they were read stay in none. False: most of
 * its messages are somewhere else by now, so that nothing is stored.
 */
export async function insertSegment(
  store: Store,
  account: AccountId,
  segment: NewSegment,
): Promise<boolean> {
  const { id, key, head, blocks, members, replaced } = segment;
  return store.transaction(async (tx) => {
    await holdMailbox(tx, account);
    const numbers = await unchanged(tx, account, members);
    if (numbers.length * 2 <= members.length) return false;
    const messages = members.length;
    await tx.db
      .insertInto("search_segments")
      .values({ id, account, key, messages, head })
      .execute();
    for (const [number, bytes] of blocks.entries()) {
      await tx.db.insertInto("search_blocks").values({ segment: id, number, bytes }).execute();
    }
    for (let at = 0; at < numbers.length; at += MAX_AT_ONCE) {
      await tx.db
        .updateTable("search_terms")
        .set({ segment: id })
        .where("account", "=", account)
        .where("number", "in", numbers.slice(at, at + MAX_AT_ONCE))
        .execute();
    }
    for (const old of replaced) await dropSegment(tx, account, old);
    return true;
  });
}

async function unchanged(
  tx: Store,
  account: AccountId,
  members: readonly TermPlace[],
): Promise<readonly number[]> {
  const places = await selectTermPlaces(
    tx,
    account,
    members.map(({ number }) => number),
  );
  const isSame = ({ number, written, segment }: TermPlace): boolean => {
    const place = places.get(number);
    return place?.written === written && place.segment === segment;
  };
  return members.filter(isSame).map(({ number }) => number);
}

/** Deletes a segment; terms that are still in it are in none. */
export async function dropSegment(store: Store, account: AccountId, id: string): Promise<void> {
  await store.transaction(async (tx) => {
    await holdMailbox(tx, account);
    await tx.db
      .updateTable("search_terms")
      .set({ segment: "" })
      .where("account", "=", account)
      .where("segment", "=", id)
      .execute();
    await tx.db
      .deleteFrom("search_segments")
      .where("id", "=", id)
      .where("account", "=", account)
      .execute();
  });
}
