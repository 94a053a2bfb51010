import { ExpiringMap } from "../base/expiring-map.ts";
import { type Clock, MINUTE, after } from "../base/time.ts";
import type { Domain } from "../mail/address.ts";

/** A keyserver grants a network sixty misses a minute; what incoming mail asks gets a quarter of them. */
const MISSES_PER_MINUTE = 15;
const MAX_DOMAINS = 10_000;

/**
 * Counts the authors that a domain turns out not to have. Mail from invented addresses of a domain would otherwise spend
 * what its keyserver grants us. Our users could not write to that domain then.
 */
export class MissBudget {
  readonly #clock: Clock;
  readonly #used: ExpiringMap<Domain, { misses: number }>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#used = new ExpiringMap(MAX_DOMAINS, clock.now);
  }

  /** Counts a question as a miss, if there is one left. `giveBack` takes it back when it was none. */
  take(domain: Domain): { readonly giveBack: () => void } | undefined {
    const used = this.#used.get(domain) ?? this.#begin(domain);
    if (used.misses >= MISSES_PER_MINUTE) return undefined;
    used.misses += 1;
    return {
      giveBack: () => {
        used.misses -= 1;
      },
    };
  }

  #begin(domain: Domain): { misses: number } {
    const used = { misses: 0 };
    this.#used.set(domain, used, after(this.#clock.now(), MINUTE));
    return used;
  }
}
