/**
 * Jobs: what is done later, and what is done once however many processes run. All of them are rows of one table
 * (`store/jobs/jobs.ts`). This folder has the rules that all kinds share.
 *
 * - Who may take: whoever finds a job due. The job is leased to them for ten minutes; meanwhile the others leave it alone.
 * - A process that dies does nothing about its jobs. Each lease runs out, and another process takes the job: a crash delays
 *   work and loses none. Work that may take longer prolongs its lease, for some hours at most (`tasks.ts`).
 * - A lease that ran out may belong to another process by now, so that every end of a job names its holder.
 * - A clock that is set back holds nothing. No job is put off for longer than its kind allows; one that is due later than
 *   that was written before the clock was set back, and is due now. A clock that jumps forward makes jobs due early: they
 *   count attempts, not hours alone, before they give anything up.
 *
 * The kinds: `outbox`, a copy for the next hop (`outgoing/outbox.ts`); `deferred`, a message whose recipients are looked up
 * again (`outgoing/deferral/deferral.ts`); `opening`, a message whose opening was begun
 * (`store/spool/openings.ts`); `task`, what is done again and again for the whole installation (`tasks.ts`).
 */
import { errorText } from "../base/errors.ts";
import { HOUR, MINUTE, type Clock } from "../base/time.ts";
import { takeDueJob, type HeldJob } from "../store/jobs/jobs.ts";
import { LEASE_MS, leaseFrom } from "../store/jobs/leases.ts";
import type { Store } from "../store/store.ts";
import type { JobKind } from "../words/job.ts";

export type JobDeps = { readonly store: Store; readonly clock: Clock };

/** The kinds that `workDue` works off. They are put off for an hour at most. */
type WorkedOff = Extract<JobKind, "outbox" | "deferred">;

/** Takes the job of a kind that has been due for longest; undefined when none is due. */
export async function takeDue(
  { store, clock }: JobDeps,
  kind: WorkedOff,
): Promise<HeldJob | undefined> {
  return takeDueJob(store, kind, leaseFrom(clock.now(), HOUR));
}

/**
 * Takes everything of a kind that is due, once: one job at a time, or as many as there are `lanes`. Each has its own lease. Once
 * `ending` is aborted no further job is taken.
 * @throws AggregateError after all others were worked on, when jobs could not be worked on; they stay.
 */
export async function workDue(
  deps: JobDeps,
  kind: WorkedOff,
  work: (job: HeldJob) => Promise<void>,
  {
    ending,
    lanes = 1,
  }: { readonly ending?: AbortSignal | undefined; readonly lanes?: number } = {},
): Promise<void> {
  const errors: unknown[] = [];
  const broken: Error[] = [];
  const running: Promise<void>[] = [];
  const workOff = async (): Promise<void> => {
    while (ending?.aborted !== true) {
      const job = await takeDue(deps, kind);
      if (job === undefined) return;
      // Where there is one job there may be more.
      if (running.length < lanes) running.push(lane());
      await work(job).catch((error: unknown) => {
        errors.push(error);
      });
    }
  };
  // It never rejects, because nobody may be waiting for it yet.
  const lane = async (): Promise<void> =>
    workOff().catch((error: unknown) => {
      broken.push(error instanceof Error ? error : new Error(errorText(error)));
    });
  running.push(lane());
  // Lanes that begin meanwhile stand behind those that are waited for.
  for (const one of running) await one;
  const [first] = broken;
  // Nothing can be taken now, whatever became of what was.
  if (first !== undefined) throw first;
  if (errors.length > 0) throw new AggregateError(errors, `${kind}: jobs could not be worked on`);
}

/** Trying ends before its lease does, or another process would do the same once more. */
export const TRY_MS = LEASE_MS - MINUTE;
