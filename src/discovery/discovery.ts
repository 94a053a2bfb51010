/** Looking for the certificate of an address, once for all who ask at a time. `outcome.ts` says what it comes to. */
import { ExpiringMap } from "../base/expiring-map.ts";
import type { Clock } from "../base/time.ts";
import { type EmailAddress, canonicalAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { purgeCache } from "../store/cache.ts";
import { askForAuthorKeys, keepAuthorKey } from "./author-keys.ts";
import { continuityOf } from "./continuity.ts";
import { Flights, unlessAborted } from "./flights.ts";
import { findKept, lookUpFormer } from "./former.ts";
import { byLocal } from "./local.ts";
import type { LookUpContext } from "./context.ts";
import { lookUp, rememberedBy } from "./look-up.ts";
import { steadyClock } from "./steady-clock.ts";
import { timeSeen } from "./time-seen.ts";
import type { Discovery, Discover, FormerKey, FindFormer, DiscoveryDeps } from "./outcome.ts";

export type Discoverer = {
  readonly discover: Discover;
  readonly findFormer: FindFormer;
  /** What is kept of a key; nobody is asked, now or later. */
  readonly findKept: (
    author: EmailAddress,
    fingerprint: Fingerprint,
  ) => Promise<FormerKey | undefined>;
  /** For sealed mail that waits, at its arrival and by the hour: asks about its author, and keeps what is served. */
  readonly lookForAuthor: (author: EmailAddress) => Promise<Discovery>;
  /** Deletes what has been cached for seven days, from disk too; to be run at the start and every hour. Says how many. */
  readonly purge: () => Promise<number>;
};

const MAX_REMEMBERED = 20_000;

/** Makes look-ups for a process. Addresses that are asked for at the same time share one look-up. */
export function makeDiscover(deps: DiscoveryDeps): Discoverer {
  const clock = steadyClock(deps.clock, deps.monotonicMs);
  const keepTime = timeSeen(deps.store, clock);
  const context: LookUpContext = {
    ...deps,
    clock,
    continuity: continuityOf({ store: deps.store, clock }),
    remembered: new ExpiringMap(MAX_REMEMBERED, clock.now),
  };
  const formerKeys = new ExpiringMap<string, FormerKey>(MAX_REMEMBERED, clock.now);
  const flights = new Flights<Discovery>();
  const formerFlights = new Flights<FormerKey>();
  const discover: Discover = async (address, options = {}) => {
    if (deps.isLocal(address.domain)) return await byLocal(context, address);
    const { cacheOnly = false, forSignatures = false } = options;
    const key = `${cacheOnly} ${forSignatures} ${rememberedBy(address, options)}`;
    const flight = flights.share(key, async () => {
      await keepTime();
      return await lookUp(context, address, options);
    });
    return await unlessAborted(flight, options.signal, () => gaveUp(clock));
  };
  const findFormer: FindFormer = async (address, fingerprint, options = {}) => {
    const key = `${canonicalAddress(address)} ${fingerprint} ${options.cacheOnly === true}`;
    const flight = formerFlights.share(key, async () => {
      await keepTime();
      return await lookUpFormer(context, formerKeys, address, fingerprint, options);
    });
    return await unlessAborted(flight, options.signal, () => ({
      kind: "unreachable",
      reason: "gave up waiting",
    }));
  };
  return {
    discover,
    findFormer,
    findKept: async (author, fingerprint) => {
      await keepTime();
      return await findKept(context, author, fingerprint);
    },
    lookForAuthor: async (author) => {
      const options = { isForIncoming: true };
      const discovery = await discover(author, options);
      if (deps.isLocal(author.domain)) return discovery;
      if (discovery.kind === "found") {
        await keepAuthorKey(context, author, discovery.certificate, discovery.fetchedAt);
      }
      await askForAuthorKeys(context, author, (of, fingerprint) =>
        findFormer(of, fingerprint, options),
      );
      return discovery;
    },
    purge: async () => {
      await keepTime();
      return await purgeCache(deps.store, clock.now());
    },
  };
}

function gaveUp(clock: Clock): Discovery {
  const evidence = { checkedAt: clock.now() };
  return { kind: "unreachable", code: "UNSURE-KS", reason: "gave up waiting", evidence };
}
