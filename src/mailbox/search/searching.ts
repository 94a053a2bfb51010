/** Searches of an open mailbox: pages of what matches, the newest first. */
import { AppError } from "../../base/errors.ts";
import type { PlaceInList } from "../../store/mailbox/listing.ts";
import {
  selectPlaces,
  walkPlaces,
  type AskedPlaces,
  type MessagePlace,
} from "../../store/mailbox/search-places.ts";
import { selectTermPlaces } from "../../store/mailbox/search-terms.ts";
import type { MailQuery } from "../mailbox.ts";
import type { Matches } from "./matches.ts";
import { clausesOf } from "./query.ts";
import type { SearchIndex } from "./search-index.ts";
import type { OpenMailbox } from "./wrapped.ts";

/** As few matches are looked up by their numbers; among more, the list is walked. */
const FEW = 500;
/** How many places of the list are read at a time. */
const WALKED = 500;
/** How often a search begins again because the index changed meanwhile. */
const MAX_TRIES = 8;

type Asked = {
  readonly query: MailQuery;
  readonly after: PlaceInList | undefined;
  readonly limit: number;
};

/** The places of the messages that match, behind `after`. */
export async function searchPlaces(
  mailbox: OpenMailbox,
  index: SearchIndex,
  asked: Asked,
): Promise<readonly MessagePlace[]> {
  return whileChanging(async (isLast) => {
    const clauses = clausesOf(asked.query);
    if (clauses.length === 0) return placesIn(mailbox, asked, undefined, isLast);
    const matches = await index.matching(clauses);
    return matches && placesIn(mailbox, asked, matches, isLast);
  });
}

/**
 * Repeats what gives undefined while the index changes; `isLast` takes what is there.
 * @throws AppError when it never stood still.
 */
export async function whileChanging<Value>(
  work: (isLast: boolean) => Promise<Value | undefined>,
): Promise<Value> {
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const value = await work(tries === MAX_TRIES);
    if (value !== undefined) return value;
  }
  throw new AppError("the index of a mailbox changes too often", { temporary: true });
}

/** The messages among `messages` that match with the terms that they have now; undefined when the search missed such terms. */
export async function current<Message extends { readonly number: number }>(
  { store, account }: OpenMailbox,
  matches: Matches,
  messages: readonly Message[],
  isLast: boolean,
): Promise<readonly Message[] | undefined> {
  const numbers = messages.map(({ number }) => number);
  const places = await selectTermPlaces(store, account, numbers);
  const judged = messages.map(({ number }) => matches.judge(places.get(number)));
  if (judged.includes("unread") && !isLast) return undefined;
  return messages.filter((_, at) => judged[at] === "match");
}

async function placesIn(
  mailbox: OpenMailbox,
  asked: Asked,
  matches: Matches | undefined,
  isLast: boolean,
): Promise<readonly MessagePlace[] | undefined> {
  const { query, limit } = asked;
  const found: MessagePlace[] = [];
  for await (const places of walked(mailbox, asked, matches)) {
    const likely = places.filter(
      ({ number, state }) =>
        (query.state === undefined || query.state === state) &&
        (matches === undefined || matches.numbers.has(number)),
    );
    const meant = matches ? await current(mailbox, matches, likely, isLast) : likely;
    if (meant === undefined) return undefined;
    found.push(...meant.slice(0, limit - found.length));
    if (found.length === limit) break;
  }
  return found;
}

/** Places in the order of the list, among which all that match are. */
async function* walked(
  { store, account }: OpenMailbox,
  { query, after }: Asked,
  matches: Matches | undefined,
): AsyncGenerator<readonly MessagePlace[]> {
  const { folder, hasNotice, after: from, before: until } = query;
  const asked = { folder, hasNotice, from, until };
  if (matches !== undefined && matches.numbers.size <= FEW) {
    const places = await selectPlaces(store, account, [...matches.numbers]);
    yield places.filter((place) => isAsked(place, asked, after)).toSorted(newestFirst);
    return;
  }
  for (let last = after; ;) {
    const places = await walkPlaces(store, account, { ...asked, after: last, limit: WALKED });
    yield places;
    if (places.length < WALKED) return;
    last = places.at(-1);
  }
}

function isAsked(
  place: MessagePlace,
  { folder, hasNotice, from, until }: AskedPlaces,
  after: PlaceInList | undefined,
): boolean {
  const { receivedAt } = place;
  return (
    (folder === undefined || folder === place.folder) &&
    (hasNotice === undefined || place.hasNotice) &&
    (from === undefined || receivedAt >= from) &&
    (until === undefined || receivedAt < until) &&
    (after === undefined || newestFirst(after, place) < 0)
  );
}

/** The order of lists, for sorting. */
export function newestFirst(a: PlaceInList, b: PlaceInList): number {
  return b.receivedAt.getTime() - a.receivedAt.getTime() || b.number - a.number;
}
