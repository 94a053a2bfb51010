import { MINUTE, after } from "../base/time.ts";
import { keepLatestTime } from "../store/clock-seen.ts";
import type { Store } from "../store/store.ts";
import type { SteadyClock } from "./steady-clock.ts";

const KEEP_MS = MINUTE;

/**
 * Carries the time over restarts: at first and then once a minute the latest time that any process has seen is kept, and
 * the clock goes on from there. To be waited for before the clock decides about what is cached. A clock that was ahead
 * does no lasting harm: what is cached from then on is as old by the same clock.
 */
export function timeSeen(store: Store, clock: SteadyClock): () => Promise<void> {
  let next: Date | undefined;
  let keeping: Promise<void> | undefined;
  const keep = async (): Promise<void> => {
    try {
      clock.raise(await keepLatestTime(store, clock.now()));
      next = after(clock.now(), KEEP_MS);
    } finally {
      keeping = undefined;
    }
  };
  return async () => {
    if (next !== undefined && clock.now() < next) return;
    await (keeping ??= keep());
  };
}
