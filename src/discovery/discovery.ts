/**
 * Discovery: what looking for the certificate of an address came to. `found` may be sealed to; `absent` is an answer that
 * can be believed; `unreachable` is no answer, and never means "send in clear". The codes: docs/use/states.md.
 */
import { ExpiringMap } from "../base/expiring-map.ts";
import type { Clock } from "../base/time.ts";
import type { Get } from "../fetch/fetch.ts";
import type { Resolver } from "../dns/resolver.ts";
import { type Domain, type EmailAddress, canonicalAddress } from "../mail/address.ts";
import type { UnusableReason } from "../openpgp/acceptance.ts";
import type { Certificate } from "../openpgp/certificate.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { purgeCache } from "../store/cache.ts";
import type { Store } from "../store/store.ts";
import { askForAuthorKeys, keepAuthorKey } from "./author-keys.ts";
import { continuityOf } from "./continuity.ts";
import { Flights, unlessAborted } from "./flights.ts";
import { findKept, lookUpFormer } from "./former.ts";
import { byLocal } from "./local.ts";
import { type LookUpContext, lookUp, rememberedBy } from "./look-up.ts";
import { steadyClock } from "./steady-clock.ts";
import { timeSeen } from "./time-seen.ts";

/** What the answer rests on, for the trace and the reader; never used for decisions. */
export type Evidence = {
  /** Class of the SRV answer, with the codes of RFC 8914 that came along. */
  readonly dns?: string;
  /** `host:port` that answered. */
  readonly keyserver?: string;
  readonly detail?: string;
  readonly checkedAt: Date;
};

export type Discovery =
  | {
      readonly kind: "found";
      readonly certificate: Certificate;
      readonly source: "hkp" | "local" | "cache" | "kept";
      readonly code: "OK" | "OK-CACHE" | "LOCAL";
      readonly fetchedAt: Date;
      readonly evidence: Evidence;
    }
  | {
      readonly kind: "absent";
      readonly code: "NOSVC" | "INSEC" | "NOKEY" | "BADKEY";
      readonly reason?: UnusableReason;
      readonly evidence: Evidence;
    }
  | {
      readonly kind: "unreachable";
      readonly code: "UNSURE-DNS" | "UNSURE-KS" | "BADKEY";
      readonly reason: string;
      readonly evidence: Evidence;
    };

export type DiscoverOptions = {
  readonly signal?: AbortSignal;
  /** Answer from what is known already; the network is not touched. */
  readonly cacheOnly?: boolean;
  /** With `cacheOnly`: also a kept certificate that could not be sealed to any more, to check signatures of before. */
  readonly forSignatures?: boolean;
  /** Set for look-ups that incoming mail triggers: strangers cause them, so only port 443 and the listed ones. */
  readonly isForIncoming?: boolean;
};

export type Discover = (address: EmailAddress, options?: DiscoverOptions) => Promise<Discovery>;

/** What asking for a former key by its fingerprint came to. */
export type FormerKey =
  | {
      readonly kind: "found";
      readonly certificate: Certificate;
      /** When it was served, if it was not just now. */
      readonly keptAt?: Date;
      /** A revocation that was once seen of it and that it lacks; of a key of our own, when it ended. */
      readonly revoked?: { readonly isHard: boolean; readonly at: Date };
    }
  | { readonly kind: "absent" }
  | { readonly kind: "unreachable"; readonly reason: string };

export type FindFormer = (
  address: EmailAddress,
  fingerprint: Fingerprint,
  options?: DiscoverOptions,
) => Promise<FormerKey>;

export type DiscoveryDeps = {
  readonly store: Store;
  readonly resolver: Resolver;
  readonly get: Get;
  readonly clock: Clock;
  /** Whether a domain is ours, so that the local key store answers for it. */
  readonly isLocal: (domain: Domain) => boolean;
  readonly local: (address: EmailAddress) => Promise<Certificate | undefined>;
  /** A uniform number in [0, 1), for the order of SRV targets. */
  readonly random: () => number;
  /** Told when a key that was once revoked is served without its revocation; for the log. */
  readonly onRollback?: (fingerprint: Fingerprint, domain: Domain) => void;
  /** Milliseconds that pass whatever is done to the system's clock; the process's own by default. */
  readonly monotonicMs?: () => number;
};

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
