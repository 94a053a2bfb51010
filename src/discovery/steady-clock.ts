import { type Clock, after } from "../base/time.ts";

/** `raise` moves it on to a time that was seen elsewhere; it does not move back. */
export type SteadyClock = Clock & { readonly raise: (seen: Date) => void };

/**
 * A clock that never runs backwards and never slower than time does: what was cached grows old even when somebody sets
 * the system's clock back.
 */
export function steadyClock(
  clock: Clock,
  monotonicMs: () => number = () => performance.now(),
): SteadyClock {
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
    raise: (seen) => {
      if (seen > latest) latest = seen;
    },
  };
}
