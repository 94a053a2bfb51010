/** The distances that all kinds of jobs share. */
import { after, HOUR, MINUTE } from "../../base/time.ts";
import type { Taking } from "./jobs.ts";

/** How long other processes leave a job alone that was taken. */
export const LEASE_MS = 10 * MINUTE;
/** How much later than its longest distance a job may be due, since the clocks of hosts differ. */
const MARGIN_MS = HOUR;

/** A lease from now on, of a job that is never put off for longer than this. */
export function leaseFrom(now: Date, longestMs: number): Taking {
  return { now, until: after(now, LEASE_MS), latest: after(now, longestMs + MARGIN_MS) };
}
