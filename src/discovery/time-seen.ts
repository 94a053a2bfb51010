import { MINUTE, after, type Clock } from "../base/time.ts";
import { keepLatestTime, readLatestTime } from "../store/discovery/clock-seen.ts";
import type { Store } from "../store/store.ts";
import type { SteadyClock } from "./steady-clock.ts";

export { readLatestTime } from "../store/discovery/clock-seen.ts";

const KEEP_MS = MINUTE;
/** How far the system's clock may be behind what was seen before it counts as set back. */
const MAX_BEHIND_MS = 5 * MINUTE;

/**
 * Carries the time over restarts: at first and then once a minute the latest time that any process has seen is kept, and
 * the clock goes on from there. A clock that was ahead does no lasting harm: what is cached from then on is as old by the
 * same clock. A process that does not serve reads what was kept and writes nothing: one command with a wrong clock moves
 * nobody's time. The function that it gives is to be waited for before the clock decides about what is cached.
 */
export function timeKeeper(
  store: Store,
  clock: SteadyClock,
  isServing = true,
): () => Promise<void> {
  let next: Date | undefined;
  let keeping: Promise<void> | undefined;
  const keep = async (): Promise<void> => {
    try {
      const now = clock.now();
      clock.raise(
        isServing ? await keepLatestTime(store, now) : ((await readLatestTime(store)) ?? now),
      );
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

/**
 * What is wrong with the system's clock, by the latest time that was seen: it was set back since, or was ahead then.
 * Undefined where nothing is.
 */
export function clockTrouble(wall: Clock, seen: Date): string | undefined {
  const now = wall.now();
  if (after(now, MAX_BEHIND_MS) >= seen) return undefined;
  return `the clock of this host says ${now.toISOString()}, and ${seen.toISOString()} was seen before: it was set back, or was ahead then`;
}
