import { ExpiringMap } from "../base/expiring-map.ts";
import { networkOf } from "../base/network.ts";
import { type Clock, MINUTE, SECOND, after } from "../base/time.ts";

export type BudgetOptions = {
  /** Requests in one second, on average, and how many may come at once. */
  readonly perSecond: number;
  readonly burst: number;
};

type Bucket = { readonly tokens: number; readonly at: Date };

const MAX_NETWORKS = 10_000;
const ALL = "all";

/**
 * The budget for requests that incoming mail triggers, in all and for each target network, so that mail cannot make us
 * flood somebody. Says of each request whether it may go now, and counts it if so.
 */
export function networkBudget(
  clock: Clock,
  options: { readonly inAll: BudgetOptions; readonly perNetwork: BudgetOptions },
): (address: string) => boolean {
  const buckets = new ExpiringMap<string, Bucket>(MAX_NETWORKS, clock.now);
  const level = (key: string, { perSecond, burst }: BudgetOptions): number => {
    const bucket = buckets.get(key);
    if (bucket === undefined) return burst;
    const passedMs = clock.now().getTime() - bucket.at.getTime();
    return Math.min(burst, bucket.tokens + (Math.max(0, passedMs) / SECOND) * perSecond);
  };
  return (address) => {
    const network = networkOf(address);
    const inAll = level(ALL, options.inAll);
    const forNetwork = level(network, options.perNetwork);
    if (inAll < 1 || forNetwork < 1) return false;
    const at = clock.now();
    buckets.set(ALL, { tokens: inAll - 1, at }, after(at, MINUTE));
    buckets.set(network, { tokens: forNetwork - 1, at }, after(at, MINUTE));
    return true;
  };
}
