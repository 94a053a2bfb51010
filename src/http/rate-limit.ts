import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

import { MINUTE, SECOND } from "../base/time.ts";

/** Counts what clients do, by a key such as their network. */
export type RateLimit = {
  /** Undefined while the key may go on, else the milliseconds until it may again. Counts nothing. */
  readonly waitMs: (key: string) => Promise<number | undefined>;
  readonly count: (key: string) => Promise<void>;
  /** Counts first and looks then, so that requests that come all at once cannot all pass. */
  readonly take: (key: string) => Promise<Taken>;
};

/** Whether a key may go on; what turns out not to count can be given back. */
export type Taken =
  | { readonly kind: "taken"; readonly giveBack: () => Promise<void> }
  | { readonly kind: "spent"; readonly waitMs: number };

export type RateLimitOptions = {
  readonly perMinute: number;
  /** What a key may do at once after silence; `perMinute` when absent. */
  readonly burst?: number;
};

/** The reserve for bursts fills again after so many minutes. */
const RESERVE_MINUTES = 10;

/** Held in memory, so that it counts for this process alone. */
export function makeRateLimit(options: RateLimitOptions): RateLimit {
  const { perMinute, burst = perMinute } = options;
  const minute = new RateLimiterMemory({ points: perMinute, duration: MINUTE / SECOND });
  const reserve = new RateLimiterMemory({
    points: Math.max(burst - perMinute, 0),
    duration: (RESERVE_MINUTES * MINUTE) / SECOND,
  });
  return {
    waitMs: async (key) => {
      const [now, spare] = await Promise.all([minute.get(key), reserve.get(key)]);
      const isSpent = (now?.consumedPoints ?? 0) >= perMinute;
      const isReserveSpent = (spare?.consumedPoints ?? 0) >= reserve.points;
      return isSpent && isReserveSpent ? Math.max(now?.msBeforeNext ?? 0, 1) : undefined;
    },
    count: async (key) => {
      if (!(await consume(minute, key))) await consume(reserve, key);
    },
    take: async (key) => {
      for (const limiter of [minute, reserve]) {
        if (!(await consume(limiter, key))) continue;
        return { kind: "taken", giveBack: async () => void (await limiter.reward(key)) };
      }
      const now = await minute.get(key);
      return { kind: "spent", waitMs: Math.max(now?.msBeforeNext ?? 0, 1) };
    },
  };
}

/** The library rejects with a result, not an error, when there is nothing left. */
async function consume(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  try {
    await limiter.consume(key);
    return true;
  } catch (error) {
    if (error instanceof RateLimiterRes) return false;
    throw error;
  }
}
