import { type Clock, after } from "../base/time.ts";

/**
 * A clock that never runs backwards and never slower than time does: what was cached grows old even when somebody sets
 * the system's clock back.
 */
export function steadyClock(
  clock: Clock,
  monotonicMs: () => number = () => performance.now(),
): Clock {
  let latest = clock.now();
  let latestMs = monotonicMs();
  return {
    now: () => {
      const nowMs = monotonicMs();
      const atLeast = after(latest, Math.max(0, nowMs - latestMs));
      const wall = clock.now();
      latest = wall > atLeast ? wall : atLeast;
      latestMs = nowMs;
      return latest;
    },
  };
}
