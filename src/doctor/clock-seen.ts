import { clockTrouble } from "../discovery/time-seen.ts";
import { readLatestTime } from "../store/discovery/clock-seen.ts";
import { fail, ok, skip } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Whether this host's clock is behind what the gateway has seen before. */
export const clockSeenCheck: Check<Pick<DoctorDeps, "database" | "clock">> = {
  name: "clock-seen",
  why: "With a clock that was set back good certificates and keys seem not to be valid yet, and every recipient counts as unreachable.",
  run: async ({ database, clock }) => {
    if (database.kind === "closed" || !database.isMigrated) {
      return [skip("the latest time seen", "the database cannot be read (see database)")];
    }
    const seen = await readLatestTime(database.store);
    const trouble = seen === undefined ? undefined : clockTrouble(clock, seen);
    if (trouble === undefined) return [ok("the clock is not behind what was seen before")];
    return [
      fail(
        trouble,
        "Set the clock by NTP. If it is right, and was ahead before: stop the gateway, run `sealpost database clock --reset`, and start it.",
      ),
    ];
  },
};
