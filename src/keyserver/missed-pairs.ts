import { ExpiringMap } from "../base/expiring-map.ts";
import { type Clock, MINUTE, after } from "../base/time.ts";
import { canonicalAddress } from "../mail/address.ts";
import type { Search } from "./question.ts";

/**
 * Look-ups for one address that come in pairs: who finds nothing in version 1 of HKP asks version 2 next. Both are one
 * miss, so that honest senders have as many as before; a second question in version 2 is a miss of its own.
 */
export type MissedPairs = {
  /** Version 1 had nothing for a network that asked for an address. */
  readonly begin: (network: string, search: Search) => void;
  /** True when version 1 has just had nothing for the same network and address; the pair is over then. */
  readonly end: (network: string, search: Search) => boolean;
};

/** How long after the first question the second may come; senders give up sooner. */
const LIFE_MS = MINUTE;
/** Maximum of pairs that wait for their second question; beyond, the oldest counts as two. */
const MAX_PAIRS = 10_000;

export function missedPairs(clock: Clock): MissedPairs {
  const open = new ExpiringMap<string, true>(MAX_PAIRS, () => clock.now());
  const keyOf = (network: string, search: Search): string | undefined =>
    search.kind === "address" ? `${network} ${canonicalAddress(search.address)}` : undefined;
  return {
    begin: (network, search) => {
      const key = keyOf(network, search);
      if (key !== undefined) open.set(key, true, after(clock.now(), LIFE_MS));
    },
    end: (network, search) => {
      const key = keyOf(network, search);
      if (key === undefined || open.get(key) === undefined) return false;
      open.delete(key);
      return true;
    },
  };
}
