/** Looking for the certificate of an address, once for all who ask at a time. `outcome.ts` says what it comes to. */
import { unlessTooCostly } from "../base/errors.ts";
import { ExpiringMap } from "../base/expiring-map.ts";
import { after, type Clock, DAY } from "../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { certificateWorkHere } from "../openpgp/openpgp.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { listAuthorKeys, listWanted } from "../store/discovery/author-keys.ts";
import { purgeCache } from "../store/discovery/cache.ts";
import { type AuthorAnswer, type AuthorKeyAnswer, AuthorAnswers } from "./author.ts";
import { askByFingerprint, knownByFingerprint } from "./by-fingerprint.ts";
import type { LookUpContext } from "./context.ts";
import { continuityOf } from "./continuity.ts";
import { Flights, unlessAborted } from "./flights.ts";
import { byLocal } from "./local.ts";
import { lookUp } from "./look-up.ts";
import type { Discover, Discovery, DiscoveryDeps } from "./outcome.ts";
import { steadyClock } from "./steady-clock.ts";
import { clockTrouble, timeKeeper } from "./time-seen.ts";

type AboutAuthor = (author: EmailAddress, arrivedAt: Date) => Promise<AuthorAnswer>;
type AboutKey = (
  author: EmailAddress,
  fingerprint: Fingerprint,
  arrivedAt: Date,
) => Promise<AuthorKeyAnswer>;

export type Discoverer = {
  readonly discover: Discover;
  /** What an author's domain says, for mail that arrived at a moment: `author.ts`. The known ones ask nobody. */
  readonly askAuthor: AboutAuthor;
  readonly knownAuthor: AboutAuthor;
  readonly askAuthorKey: AboutKey;
  readonly knownAuthorKey: AboutKey;
  /**
   * For mail that waits, at its arrival and by the hour: asks about its author, and about the keys that opened mail of
   * that domain was signed with. What was answered is asked again after a day.
   */
  readonly lookForAuthor: AboutAuthor;
  /** Deletes what has been cached for seven days, from disk too; to be run at the start and every hour. Says how many. */
  readonly purge: () => Promise<number>;
};

const MAX_REMEMBERED = 20_000;
/** How old an answer may grow while mail waits. */
const REFRESH_MS = DAY;

/** Makes look-ups for a process. Addresses that are asked for at the same time share one look-up. */
export function makeDiscover(deps: DiscoveryDeps): Discoverer {
  const clock = steadyClock(deps.clock, deps.monotonicMs);
  const keepTime = timeKeeper(deps.store, clock, deps.isServing);
  const context: LookUpContext = {
    ...deps,
    work: deps.work ?? certificateWorkHere,
    clock,
    wall: deps.clock,
    continuity: continuityOf({ store: deps.store, clock }),
    remembered: new ExpiringMap(MAX_REMEMBERED, clock.now),
  };
  const usersContext = { ...context, work: deps.workForUsers ?? context.work };
  const flights = new Flights<Discovery>();
  const keyFlights = new Flights<AuthorKeyAnswer>();
  const authors = new AuthorAnswers(context);
  const askAuthorKey: AboutKey = async (author, fingerprint, arrivedAt) => {
    await keepTime();
    return await keyFlights.share(`${canonicalAddress(author)} ${fingerprint}`, () =>
      unlessTooCostly(askByFingerprint(context, author, fingerprint, arrivedAt), TOO_COSTLY),
    );
  };
  return {
    discover: async (address, options = {}) => {
      if (deps.isLocal(address.domain)) return await byLocal(context, address);
      const flight = flights.share(canonicalAddress(address), async () => {
        await keepTime();
        return namingClock(await lookUp(usersContext, address), deps.clock, clock);
      });
      return await unlessAborted(flight, options.signal, () => gaveUp(clock));
    },
    askAuthor: async (author, arrivedAt) => {
      await keepTime();
      return await unlessTooCostly(authors.ask(author, arrivedAt), TOO_COSTLY);
    },
    knownAuthor: async (author, arrivedAt) => {
      await keepTime();
      return await unlessTooCostly(authors.known(author, arrivedAt), TOO_COSTLY);
    },
    askAuthorKey,
    knownAuthorKey: async (author, fingerprint, arrivedAt) => {
      await keepTime();
      const known = knownByFingerprint(context, author, fingerprint, arrivedAt);
      return await unlessTooCostly(known, TOO_COSTLY);
    },
    lookForAuthor: async (author, arrivedAt) => {
      await keepTime();
      const dayAgo = after(context.wall.now(), -REFRESH_MS);
      const since = arrivedAt > dayAgo ? arrivedAt : dayAgo;
      const answer = await unlessTooCostly(authors.ask(author, since), TOO_COSTLY);
      if (!deps.isLocal(author.domain)) await askForKeys(context, author, askAuthorKey);
      return answer;
    },
    purge: async () => {
      await keepTime();
      return await purgeCache(deps.store, clock.now());
    },
  };
}

/** What an author's domain serves and nobody can read in time says nothing about the author. */
const TOO_COSTLY = { kind: "unreachable", reason: "its certificates are too costly" } as const;

/** Asks by fingerprint for what is wanted of the author's domain, and again for the author's keys of a day ago. */
async function askForKeys(
  { store, wall }: LookUpContext,
  author: EmailAddress,
  ask: AboutKey,
): Promise<void> {
  const now = wall.now();
  const kept = await listAuthorKeys(store, author, now);
  const old = kept.filter(({ state, at }) => state === "found" && after(at, REFRESH_MS) <= now);
  for (const key of [...old, ...(await listWanted(store, author, now))]) {
    const answer = await ask(key.author, key.fingerprint, now);
    // The others of the same domain would not be answered either.
    if (answer.kind === "unreachable") return;
  }
}

/** A wrong clock makes signatures, certificates and keys look as if they had ended, or not begun: it is named as the cause. */
function namingClock(discovery: Discovery, wall: Clock, steady: Clock): Discovery {
  if (discovery.kind !== "unreachable") return discovery;
  const trouble = clockTrouble(wall, steady.now());
  if (trouble === undefined) return discovery;
  return { ...discovery, reason: `${trouble}; ${discovery.reason}` };
}

function gaveUp(clock: Clock): Discovery {
  const evidence = { checkedAt: clock.now() };
  return { kind: "unreachable", code: "UNSURE-KS", reason: "gave up waiting", evidence };
}
