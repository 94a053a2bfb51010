/** What is done again and again while a process serves. State is in the database; a task is a function. */
import { DAY, HOUR, type Clock } from "../base/time.ts";
import { jittered, runOnce, type Task } from "../jobs/tasks.ts";
import { purgeAttempts } from "../login/attempts.ts";
import { purgeTrace } from "../store/journal/trace.ts";
import { purgeProtectedNames } from "../store/mail/protected-names.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";

type Deps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly events: Pick<Events, "failed">;
  readonly purgeDiscoveries: () => Promise<unknown>;
};

export type Tasks = {
  /** Each process does these: they look at what it alone has. */
  readonly inEachProcess: readonly Task[];
  /** One process of the installation does these, whichever finds one due first. */
  readonly once: readonly Task[];
};

/** Nothing outlives its retention by more than the distance of these. */
function cleaning({ store, clock, purgeDiscoveries }: Deps): readonly Task[] {
  return [
    { name: "purge discoveries", everyMs: HOUR, run: purgeDiscoveries },
    { name: "purge trace", everyMs: HOUR, run: async () => purgeTrace(store, clock.now()) },
    {
      name: "purge protected names",
      everyMs: DAY,
      run: async () => purgeProtectedNames(store, clock.now()),
    },
    { name: "purge attempts", everyMs: HOUR, run: async () => purgeAttempts(store, clock.now()) },
  ];
}

/**
 * Runs every task at once and then at its distance, never twice at a time; a failure is logged and tried again. A task that
 * is done once runs when it is due, which it may not be when a process starts.
 */
export function startSchedule(deps: Deps, { inEachProcess, once }: Tasks): AsyncDisposable {
  const { events, clock } = deps;
  const shared = [...cleaning(deps), ...once].map((task) => {
    const turn = async (): Promise<number> => {
      const nextAt = await runOnce(deps, task);
      return nextAt.getTime() - clock.now().getTime();
    };
    return new Loop(events, task, turn);
  });
  return stopping([...inEachProcess.map((task) => ownLoop(events, task)), ...shared]);
}

/** Runs tasks of this process alone, for a role that only reads the database. */
export function startTasks(
  events: Pick<Events, "failed">,
  tasks: readonly Task[],
): AsyncDisposable {
  return stopping(tasks.map((task) => ownLoop(events, task)));
}

function ownLoop(events: Pick<Events, "failed">, task: Task): Loop {
  return new Loop(events, task, async () => {
    await task.run();
    return jittered(task.everyMs);
  });
}

function stopping(loops: readonly Loop[]): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(loops.map(async (loop) => loop.stop()));
    },
  };
}

/** Minimum distance of two turns, so that clocks that differ by little cause no haste. */
const MIN_WAIT_MS = 100;

class Loop {
  readonly #events: Pick<Events, "failed">;
  readonly #task: Task;
  /** Gives how long to wait for the next turn, in milliseconds. */
  readonly #turn: () => Promise<number>;
  #running: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(events: Pick<Events, "failed">, task: Task, turn: () => Promise<number>) {
    this.#events = events;
    this.#task = task;
    this.#turn = turn;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    const longestMs = jittered(this.#task.everyMs);
    let waitMs = longestMs;
    try {
      // The clock may be set meanwhile: no wait is longer than a period.
      waitMs = Math.min(longestMs, Math.max(await this.#turn(), MIN_WAIT_MS));
    } catch (error) {
      this.#events.failed(this.#task.name, error);
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, waitMs);
    this.#timer.unref();
  }
}
