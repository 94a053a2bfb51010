import { MINUTE, parseDate } from "../base/time.ts";
import { type Judgement, fail, ok, skip, warn } from "./finding.ts";
import { proven } from "./signatures.ts";
import { type Check, type Visit, placeName, reachable } from "./visit.ts";

const MAX_DIFFERENCE_MS = 2 * MINUTE;
/** No certificate has this fingerprint; the answer's date is what we want. */
const NOBODY = `/pks/lookup?op=get&options=mr&search=0x${"0".repeat(40)}`;

/** Whether this host knows what time it is, compared with what others say. */
export const clockCheck: Check<Visit> = {
  name: "clock",
  why: "Signatures, certificates and keys hold from one time to another: with a wrong clock good ones are refused and ended ones accepted.",
  run: async (visit) => [await judge(visit)],
};

async function judge(visit: Visit): Promise<Judgement> {
  const now = visit.deps.clock.now();
  const todo = "Set the clock by NTP (systemd-timesyncd or chrony), here and on the keyserver.";
  const outside = proven(visit).find((one) => now < one.validFrom || now > one.validUntil);
  if (outside !== undefined) {
    const time = now.toISOString();
    return fail(
      `this host says it is ${time}, outside the time of a signature of ${outside.owner} that the resolver proved`,
      todo,
    );
  }
  const [target] = reachable(visit);
  if (target === undefined) {
    return skip("the clock", "no server can be reached whose time could be compared");
  }
  const { host, port } = target;
  const answer = await visit.deps.probe.request({ host, port, path: NOBODY, method: "GET" });
  const date = answer.kind === "response" ? parseDate(answer.headers.get("date") ?? "") : undefined;
  if (date === undefined) return skip("the clock", `${placeName(target)} does not say the time`);
  const seconds = Math.round(Math.abs(date.getTime() - now.getTime()) / 1000);
  return seconds * 1000 > MAX_DIFFERENCE_MS
    ? warn(`the clocks of this host and of ${placeName(target)} differ by ${seconds} s`, todo)
    : ok(`the clock agrees with ${placeName(target)} and with the signatures in the DNS`);
}
