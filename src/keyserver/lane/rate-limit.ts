import { MINUTE } from "../../base/time.ts";

/**
 * Counts what clients do, by a key such as their network. Everything is done at once: nothing waits, nothing races. The
 * caller says what time it is.
 */
export type RateLimit = {
  /** Counts one, if there is one left. */
  readonly take: (key: string, now: Date) => Budget;
  /** As `take`, and counts nothing. */
  readonly look: (key: string, now: Date) => Budget;
};

/** Whether a key may go on. */
export type Budget =
  | { readonly kind: "open" }
  | { readonly kind: "spent"; readonly waitMs: number };

const OPEN: Budget = { kind: "open" };

export type RateLimitOptions = {
  /** Of each key, or as it is for a key now. */
  readonly perMinute: number | ((key: string, now: Date) => number);
  /** How many times that a key may do at once after silence; 1 when absent. */
  readonly bursts?: number;
  /** The counts of so many keys are kept; beyond, the oldest are forgotten. */
  readonly mostKeys?: number;
};

/** The reserve for bursts fills again after so many minutes. */
const RESERVE_MINUTES = 10;
/** About 10 MB. */
const MAX_KEYS = 100_000;

type Window = { endsAt: number; used: number };
type Counts = { readonly minute: Window; readonly reserve: Window };

/** Two fixed windows for each key, held in memory, so that it counts for this process alone. */
export function makeRateLimit(options: RateLimitOptions): RateLimit {
  const { perMinute, bursts = 1, mostKeys = MAX_KEYS } = options;
  const limitOf = typeof perMinute === "number" ? () => perMinute : perMinute;
  const kept = new Map<string, Counts>();
  const countsOf = (key: string, now: number): Counts => {
    const known = kept.get(key);
    if (known !== undefined) {
      renew(known.minute, now, MINUTE);
      renew(known.reserve, now, RESERVE_MINUTES * MINUTE);
      return known;
    }
    if (kept.size >= mostKeys) forgetOldest(kept);
    const made = {
      minute: { endsAt: now + MINUTE, used: 0 },
      reserve: { endsAt: now + RESERVE_MINUTES * MINUTE, used: 0 },
    };
    kept.set(key, made);
    return made;
  };
  /** The window that has room. */
  const openWindow = ({ minute, reserve }: Counts, limit: number): Window | undefined => {
    if (minute.used < limit) return minute;
    return reserve.used < (bursts - 1) * limit ? reserve : undefined;
  };
  const ask = (key: string, now: Date, counted: 0 | 1): Budget => {
    const nowMs = now.getTime();
    const counts = countsOf(key, nowMs);
    const window = openWindow(counts, limitOf(key, now));
    if (window === undefined) return { kind: "spent", waitMs: counts.minute.endsAt - nowMs };
    window.used += counted;
    return OPEN;
  };
  return { take: (key, now) => ask(key, now, 1), look: (key, now) => ask(key, now, 0) };
}

/** Also when the clock was set back: a window never lasts longer than its length. */
function renew(window: Window, now: number, lengthMs: number): void {
  if (now < window.endsAt && window.endsAt - now <= lengthMs) return;
  window.endsAt = now + lengthMs;
  window.used = 0;
}

/** Maps keep the order in which keys came. */
function forgetOldest(kept: Map<string, Counts>): void {
  for (const key of kept.keys()) {
    kept.delete(key);
    return;
  }
}
