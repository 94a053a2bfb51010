/** Searches and threads of a mailbox that is open: what the index finds, as entries. */
import { isShown, type MailboxRow } from "../../store/mailbox/message-rows.ts";
import { selectByNumber } from "../../store/mailbox/search-places.ts";
import { countToIndex } from "../../store/mailbox/search-terms.ts";
import type { AskedPage, FoundMail, MailQuery } from "../mailbox.ts";
import { SearchIndex } from "../search/search-index.ts";
import { searchPlaces } from "../search/searching.ts";
import { rowsOfThread } from "../search/thread.ts";
import type { OpenMailbox } from "../search/wrapped.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { entryOf, nextAfter, placeOf, summaryIn } from "./entries.ts";

/** A mailbox with its index. */
export type Searchable = {
  readonly deps: Pick<EmbeddedDeps, "decrypt">;
  readonly mailbox: OpenMailbox;
  readonly index: SearchIndex;
};

/** The index is read when it is first used. */
export function openForSearch(
  deps: Pick<EmbeddedDeps, "decrypt" | "store">,
  at: Omit<OpenMailbox, "store">,
): Searchable {
  const mailbox = { ...at, store: deps.store };
  return { deps, mailbox, index: new SearchIndex(mailbox) };
}

/** A page of what matches. */
export async function searchOpen(
  { deps, mailbox, index }: Searchable,
  query: MailQuery,
  page: AskedPage,
): Promise<FoundMail> {
  const { store, account, keys } = mailbox;
  const place = placeOf(page);
  const places = await searchPlaces(mailbox, index, { query, ...place });
  const numbers = places.map(({ number }) => number);
  const rows = (await selectByNumber(store, account, numbers)).filter(isShown);
  const entries = await Promise.all(rows.map(async (row) => entryOf(deps, row, keys)));
  const unindexed = await countToIndex(store, account);
  return { kind: "found", unindexed, entries, next: nextAfter(places, place) };
}

/** The rows of the conversation of a message, the oldest first. */
export async function threadOf(
  { deps, mailbox, index }: Searchable,
  first: MailboxRow,
): Promise<readonly MailboxRow[]> {
  return rowsOfThread(mailbox, index, first, async (row) => summaryIn(deps, row, mailbox.keys));
}
