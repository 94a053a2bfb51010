/** What waits for its reader's key or its author's keyserver, in pages. */
import { selectOneWaiting } from "../store/spool/spool-rows.ts";
import { selectWaiting, type PlaceInSpool } from "../store/spool/waiting-pages.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { toSummary, type WaitingSummary } from "./spool.ts";

/** Messages that are in memory at a time while all that waits is walked through. */
const PAGE = 200;

/** The newest that waits, behind `after` where that is given; at most `limit` messages. */
export async function newestWaiting(
  store: Store,
  account: AccountId,
  o: { readonly after: PlaceInSpool | undefined; readonly limit: number },
): Promise<readonly WaitingSummary[]> {
  return (await selectWaiting(store, account, { first: "newest", ...o })).map(toSummary);
}

/**
 * All that waits, in the order in which it came. What comes or goes meanwhile makes it pass over nothing that goes on
 * waiting.
 */
export async function* walkWaiting(
  store: Store,
  account: AccountId,
): AsyncGenerator<WaitingSummary, undefined> {
  let after: PlaceInSpool | undefined;
  do {
    const rows = await selectWaiting(store, account, { first: "oldest", after, limit: PAGE });
    yield* rows.map(toSummary);
    after = rows.length < PAGE ? undefined : rows.at(-1);
  } while (after !== undefined);
}

/** A message that waits, without its octets; undefined: this account has none with that ID that waits. */
export async function oneWaiting(
  store: Store,
  account: AccountId,
  id: string,
): Promise<WaitingSummary | undefined> {
  const row = await selectOneWaiting(store, account, id);
  return row && toSummary(row);
}
