import { failNow, ok } from "./finding.ts";
import { placeName, type Check, type DoctorDeps } from "./visit.ts";

/** Whether the next hops greet us; they are sent no mail. */
export const nextHopCheck: Check<Pick<DoctorDeps, "hops" | "connects">> = {
  name: "relay",
  why: "All mail that leaves goes through the next hop: while it is down, users are told to try again, and bounces and notices wait.",
  run: async ({ hops, connects }) =>
    Promise.all(
      hops.map(async (hop) => {
        const why = await connects(hop, true);
        return why === undefined
          ? ok(`the next hop ${placeName(hop)} answers`)
          : failNow(
              `the next hop ${placeName(hop)} gives no answer: ${why}`,
              `Start the mail server there, or name another one under [relay]. Test: nc ${hop.host} ${String(hop.port)} (must print a line that begins with 220)`,
            );
      }),
    ),
};
