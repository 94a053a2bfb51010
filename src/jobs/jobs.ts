/**
 * Jobs: what is done later, and what is done once however many processes run. All of them are rows of one table
 * (`store/jobs/jobs.ts`). This folder has the rules that all kinds share.
 *
 * - Who may take: whoever finds a job due. The job is leased to them for ten minutes; meanwhile the others leave it alone.
 * - A process that dies does nothing about its jobs. Each lease runs out, and another process takes the job: a crash delays
 *   work and loses none. Work that may take longer prolongs its lease (`tasks.ts`).
 * - A lease that ran out may belong to another process by now, so that every end of a job names its holder.
 * - A clock that is set back holds nothing. No job is put off for longer than its kind allows; one that is due later than
 *   that was written before the clock was set back, and is due now. A clock that jumps forward makes jobs due early: they
 *   count attempts, not hours alone, before they give anything up.
 *
 * The kinds: `outbox`, a copy for the next hop (`outgoing/outbox.ts`); `opening`, a message whose opening was begun
 * (`store/mail/openings.ts`); `task`, what is done again and again for the whole installation (`tasks.ts`).
 */
import { after, HOUR, MINUTE, type Clock } from "../base/time.ts";
import { takeDueJob, type HeldJob, type Taking } from "../store/jobs/jobs.ts";
import type { Store } from "../store/store.ts";
import type { JobKind } from "../words/job.ts";

export type JobDeps = { readonly store: Store; readonly clock: Clock };

/** How long other processes leave a job alone that was taken. */
export const LEASE_MS = 10 * MINUTE;
/** How much later than its longest distance a job may be due, since the clocks of hosts differ. */
const MARGIN_MS = HOUR;

/** A lease from now on, of a job that is never put off for longer than this. */
export function leaseFrom(now: Date, longestMs: number): Taking {
  return { now, until: after(now, LEASE_MS), latest: after(now, longestMs + MARGIN_MS) };
}

/** Takes the job that has been due for longest, of a kind that is put off for an hour at most; undefined when none is due. */
export async function takeDue(
  { store, clock }: JobDeps,
  kind: Extract<JobKind, "outbox">,
): Promise<HeldJob | undefined> {
  return takeDueJob(store, kind, leaseFrom(clock.now(), HOUR));
}
