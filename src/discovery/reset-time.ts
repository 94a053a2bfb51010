import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import { resetLatestTime } from "../store/discovery/clock-seen.ts";
import type { Store } from "../store/store.ts";

/**
 * Makes now the latest time that was seen, after a clock that was ahead, and writes that to the audit log. A process that
 * runs goes on from the time before.
 * @returns that time.
 */
export async function resetTimeSeen(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly purgeDiscoveries: () => Promise<number>;
}): Promise<Date> {
  const { store } = deps;
  const now = deps.clock.now();
  await resetLatestTime(store, now);
  // What was cached by the other clock would look fresh for as long as that was ahead.
  await deps.purgeDiscoveries();
  await appendAudit(store, { at: now, action: "clock.reset" });
  return now;
}
