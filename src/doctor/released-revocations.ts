import { countReleases, standingAlarms, type ReleaseAlarm } from "../keys/releases.ts";
import { fail, ok, skip, type Judgement } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Whether more generic revocations were released than the configuration lets pass unseen. */
export const releasedRevocations: Check<DoctorDeps> = {
  name: "revocations",
  why: "A generic revocation ends a key for good without its owner. Many at once are a list of accounts that was wrong, or somebody who is in.",
  run: async ({ clock, database }) => {
    if (database.kind === "closed" || !database.isMigrated)
      return [skip("the released revocations", "the database cannot be read (see database)")];
    const alarms = await standingAlarms(database.store);
    const { day } = await countReleases(database.store, clock.now());
    if (alarms.length > 0) return [judge(alarms, day)];
    return [ok(`no alarm stands; ${day} generic revocations were released within a day`)];
  },
};

function judge(alarms: readonly ReleaseAlarm[], day: number): Judgement {
  const stop = alarms.findLast(({ kind }) => kind === "stopped");
  const told = stop ?? alarms.reduce((a, b) => (b.released > a.released ? b : a));
  const { at, within, released, limit } = told;
  const when = `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return fail(
    `by ${when} ${released} generic revocations were released within ${within === "hour" ? "an hour" : "a day"}, the number set is ${limit}; now it is ${day} within a day` +
      (stop === undefined ? "" : "; their release is stopped"),
    "See whose and when (sealpost audit list, revocation.released), and who ran commands on this host then: account remove, " +
      "account reset or key revoke without a password. If none of yours did, take the service key for leaked: close the way in, " +
      "run sealpost service-key rotate, and give each of those users a new key (sealpost key rotate ADDRESS). When that is " +
      "done, or if it was meant: sealpost key revocations --go-on",
  );
}
