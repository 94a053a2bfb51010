/** Periodic tasks. A task of a whole installation is a job: one of all processes does it, once in its period. */
import { AppError } from "../base/errors.ts";
import { after, HOUR, type Clock } from "../base/time.ts";
import { extendLease, putOffJob, readJob, takeJobNamed, type HeldJob } from "../store/jobs/jobs.ts";
import { LEASE_MS, leaseFrom } from "../store/jobs/leases.ts";
import type { Store } from "../store/store.ts";
import type { JobDeps } from "./jobs.ts";

/** `everyMs`: the distance from the end of one run to the next. `name` is the same in all processes. */
export type Task = {
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
};

/**
 * `beatMs`: how often a running task prolongs its lease, so that one failure to do so loses nothing. `maxMs`: how long a
 * run is waited for. One that takes longer may never end, and would keep its lease for ever.
 */
type RunLimits = { readonly beatMs: number; readonly maxMs: number };

const LIMITS: RunLimits = { beatMs: LEASE_MS / 3, maxMs: 6 * HOUR };
/** How much longer or shorter than `everyMs` a distance may be. */
const JITTER = 0.1;

/**
 * Runs a task if it is due and no other process is at it. A process that dies leaves it to the others, once its lease ran
 * out. A run that is not at its end in time is given up as a failure; what it still does is done as after a lost lease.
 * @returns when it is worth asking again: when the task is due next or, while another process has it, when the lease ends.
 * @throws what the task throws; it is then tried again at its distance.
 */
export async function runOnce(
  deps: JobDeps,
  task: Task,
  limits: RunLimits = LIMITS,
): Promise<Date> {
  const { store, clock } = deps;
  const name = { kind: "task", subject: task.name } as const;
  const now = clock.now();
  const job = await takeJobNamed(store, name, leaseFrom(now, task.everyMs * (1 + JITTER)));
  if (job === undefined) return (await readJob(store, name))?.dueAt ?? now;
  let dueAt = now;
  try {
    using _beat = prolonging(store, clock, job, limits.beatMs);
    await inTime(task, limits.maxMs);
  } finally {
    dueAt = after(clock.now(), jittered(task.everyMs));
    await putOffJob(store, job, { attempts: 0, dueAt });
  }
  return dueAt;
}

/** @throws AppError when the run does not end in time. */
async function inTime(task: Task, maxMs: number): Promise<void> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new AppError(`${task.name} did not end in time`, { temporary: true }));
  }, maxMs).unref();
  try {
    await Promise.race([task.run(), end]);
  } finally {
    clearTimeout(timer);
  }
}

/** A distance that differs by a tenth at most, so that nobody outside can tell by the clock what a question is about. */
export function jittered(ms: number): number {
  return ms * (1 - JITTER + 2 * JITTER * Math.random());
}

/** Keeps a lease until it is disposed. While the database is away nothing is prolonged, and nothing could be taken. */
function prolonging(store: Store, clock: Clock, job: HeldJob, beatMs: number): Disposable {
  const timer = setInterval(() => {
    extendLease(store, job, after(clock.now(), LEASE_MS)).catch(() => undefined);
  }, beatMs).unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}
