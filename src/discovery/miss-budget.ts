import { ExpiringMap } from "../base/expiring-map.ts";
import { type Clock, MINUTE, after } from "../base/time.ts";
import type { Domain } from "../mail/address.ts";

/** A keyserver grants a network sixty misses a minute; what incoming mail asks gets a quarter of them. */
const MISSES_PER_MINUTE = 15;
const MAX_DOMAINS = 10_000;

/**
 * Counts the authors that a domain turns out not to have. Whoever sends mail from invented addresses of a domain would
 * otherwise spend what its keyserver grants us, and our users could not write to that domain.
 */
export class MissBudget {
  readonly #clock: Clock;
  readonly #used: ExpiringMap<Domain, { misses: number; readonly until: Date }>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#used = new ExpiringMap(MAX_DOMAINS, clock.now);
  }

  /** Counts a question as a miss, if there is one left; `giveBack` when it was none. */
  take(domain: Domain): boolean {
    const used = this.#used.get(domain);
    if (used === undefined) {
      const until = after(this.#clock.now(), MINUTE);
      this.#used.set(domain, { misses: 1, until }, until);
      return true;
    }
    if (used.misses >= MISSES_PER_MINUTE) return false;
    used.misses += 1;
    return true;
  }

  giveBack(domain: Domain): void {
    const used = this.#used.get(domain);
    if (used !== undefined && used.misses > 0) used.misses -= 1;
  }
}
