import { ExpiringMap } from "../base/expiring-map.ts";
import { type Clock, DAY, HOUR, after, fromUnixMs } from "../base/time.ts";
import type { HkpClass } from "../dns/service-class.ts";
import type { Domain } from "../mail/address.ts";
import { readContinuity, writeContinuity } from "../store/discovery/cache.ts";
import type { Store } from "../store/store.ts";

const REMEMBERED_MS = 30 * DAY;
const SUSPICION_MS = DAY;
/** One write an hour for a domain is enough for a memory of 30 days. */
const RENEW_MS = HOUR;
const MAX_SUSPECTS = 10_000;
const NEVER = fromUnixMs(0);

/** Says whether a domain's answer may be believed, seen what it answered in the last 30 days. */
export type Continuity = (domain: Domain, hkpClass: HkpClass) => Promise<boolean>;

/**
 * Remembers domains that had a proven service. When one of them suddenly has none, or an unproven one, and cannot prove
 * that either, this is disbelieved for a day: somebody may be switching encryption off.
 */
export function continuityOf(deps: { readonly store: Store; readonly clock: Clock }): Continuity {
  const { store, clock } = deps;
  const suspectSince = new ExpiringMap<Domain, Date>(MAX_SUSPECTS, clock.now);
  const forget = async (domain: Domain) => {
    suspectSince.delete(domain);
    if ((await readContinuity(store, domain)) !== undefined) {
      await writeContinuity(store, domain, NEVER);
    }
  };
  return async (domain, hkpClass) => {
    const now = clock.now();
    switch (hkpClass) {
      case "INDETERMINATE":
        return true; // No answer: there is nothing to believe.
      case "SECURE_SRV": {
        suspectSince.delete(domain);
        const last = (await readContinuity(store, domain)) ?? NEVER;
        if (after(last, RENEW_MS) <= now) await writeContinuity(store, domain, now);
        return true;
      }
      case "NO_SERVICE":
        await forget(domain); // Proven: the service has ended.
        return true;
      case "NO_SERVICE_INSECURE":
      case "INSECURE_SRV": {
        const last = (await readContinuity(store, domain)) ?? NEVER;
        if (after(last, REMEMBERED_MS) <= now) return true;
        const since = suspectSince.get(domain) ?? now;
        suspectSince.set(domain, since, after(now, REMEMBERED_MS));
        if (now < after(since, SUSPICION_MS)) return false;
        await forget(domain);
        return true;
      }
    }
  };
}
