import { MINUTE } from "../base/time.ts";
import { clockTrouble } from "../discovery/time-seen.ts";
import { readLatestTime } from "../store/discovery/clock-seen.ts";
import type { Parts } from "./parts.ts";
import type { Task } from "./schedule.ts";

/** What is wrong with the clock of this host, by the latest time that was seen; undefined where nothing is. */
export async function troubleOfClock({
  store,
  clock,
}: Pick<Parts, "store" | "clock">): Promise<string | undefined> {
  const seen = await readLatestTime(store);
  return seen === undefined ? undefined : clockTrouble(clock, seen);
}

/** Says in the log, once, that the clock was set back, and once when it is right again. */
export function watchClock(parts: Pick<Parts, "store" | "clock" | "events">): Task {
  let wasWrong = false;
  return {
    name: "look at the clock",
    everyMs: MINUTE,
    run: async () => {
      const trouble = await troubleOfClock(parts);
      const isWrong = trouble !== undefined;
      if (isWrong !== wasWrong) parts.events.clockChanged(trouble);
      wasWrong = isWrong;
    },
  };
}
