/** How many misses a network may have: more for whoever finds what they look for. */
import { HOUR } from "../base/time.ts";
import { makeRateLimit, type RateLimit } from "./lane/rate-limit.ts";

export type MissLimits = {
  readonly addressMissesPerMinute: number;
  /** Of networks in `isPeer`, and the most that any other gets. */
  readonly peerMissesPerMinute: number;
};

/** So many misses more for each address that was found. */
const MISSES_FOR_A_HIT = 10;
/** Maximum number of networks whose hits are remembered. */
const MAX_NETWORKS = 10_000;

/** Of one network. */
export type MissBudget = RateLimit & {
  /** An address was found: a second time within the hour it counts nothing, or one known address would buy guesses. */
  readonly found: (network: string, address: string, now: Date) => void;
};

/** A key that begins with this stands for a peer. */
export const PEER = "peer ";

export function missBudget(limits: MissLimits): MissBudget {
  const { addressMissesPerMinute: base, peerMissesPerMinute: most } = limits;
  const mostHits = Math.max(0, Math.ceil((most - base) / MISSES_FOR_A_HIT));
  const hits = new Map<string, Map<string, number>>();
  /** The hits of the last hour, the oldest first. */
  const hitsOf = (network: string, now: number): Map<string, number> | undefined => {
    const own = hits.get(network);
    for (const [address, at] of own ?? []) {
      if (at <= now && now - at < HOUR) break;
      own?.delete(address);
    }
    return own;
  };
  const perMinute = (network: string, now: Date): number => {
    if (network.startsWith(PEER)) return Math.max(base, most);
    const own = hitsOf(network, now.getTime())?.size ?? 0;
    return Math.max(base, Math.min(most, base + MISSES_FOR_A_HIT * own));
  };
  const rates = makeRateLimit({ perMinute, bursts: 2 });
  return {
    ...rates,
    found: (network, address, now) => {
      if (network.startsWith(PEER)) return;
      let own = hitsOf(network, now.getTime());
      if (own === undefined) {
        if (hits.size >= MAX_NETWORKS) forgetFirst(hits);
        own = new Map();
        hits.set(network, own);
      }
      own.delete(address);
      if (own.size >= mostHits) forgetFirst(own);
      own.set(address, now.getTime());
    },
  };
}

function forgetFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
