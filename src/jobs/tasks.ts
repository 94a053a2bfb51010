/** Periodic tasks. A task of a whole installation is a job: one of all processes does it, once in its period. */
import { after, type Clock } from "../base/time.ts";
import { extendLease, putOffJob, readJob, takeJobNamed, type HeldJob } from "../store/jobs/jobs.ts";
import type { Store } from "../store/store.ts";
import { LEASE_MS, leaseFrom, type JobDeps } from "./jobs.ts";

/** `everyMs`: the distance from the end of one run to the next. `name` is the same in all processes. */
export type Task = {
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
};

/** How often a running task prolongs its lease, so that one failure to do so loses nothing. */
const BEAT_MS = LEASE_MS / 3;
/** How much longer or shorter than `everyMs` a distance may be. */
const JITTER = 0.1;

/**
 * Runs a task if it is due and no other process is at it. A process that dies leaves it to the others, once its lease ran
 * out. `beatMs` is another in tests.
 * @returns when it is worth asking again: when the task is due next or, while another process has it, when the lease ends.
 * @throws what the task throws; it is then tried again at its distance.
 */
export async function runOnce(deps: JobDeps, task: Task, beatMs: number = BEAT_MS): Promise<Date> {
  const { store, clock } = deps;
  const name = { kind: "task", subject: task.name } as const;
  const now = clock.now();
  const job = await takeJobNamed(store, name, leaseFrom(now, task.everyMs * (1 + JITTER)));
  if (job === undefined) return (await readJob(store, name))?.dueAt ?? now;
  let dueAt = now;
  try {
    using _beat = prolonging(store, clock, job, beatMs);
    await task.run();
  } finally {
    dueAt = after(clock.now(), jittered(task.everyMs));
    await putOffJob(store, job, { attempts: 0, dueAt });
  }
  return dueAt;
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
