import { MINUTE, type Clock } from "../base/time.ts";
import { clockTrouble } from "../discovery/time-seen.ts";
import type { Task } from "../jobs/tasks.ts";
import { readLatestTime } from "../store/discovery/clock-seen.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";

type ClockDeps = { readonly store: Store; readonly clock: Clock };

/** What is wrong with the clock of this host, by the latest time that was seen; undefined where nothing is. */
export async function troubleOfClock({ store, clock }: ClockDeps): Promise<string | undefined> {
  const seen = await readLatestTime(store);
  return seen === undefined ? undefined : clockTrouble(clock, seen);
}

/** Says in the log, once, that the clock was set back, and once when it is right again. */
export function watchClock(
  deps: ClockDeps & { readonly events: Pick<Events, "clockChanged"> },
): Task {
  let wasWrong = false;
  return {
    name: "look at the clock",
    everyMs: MINUTE,
    run: async () => {
      const trouble = await troubleOfClock(deps);
      const isWrong = trouble !== undefined;
      if (isWrong !== wasWrong) deps.events.clockChanged(trouble);
      wasWrong = isWrong;
    },
  };
}
