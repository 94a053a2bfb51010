/** What is done again and again while the gateway serves, in one table. State is in the database; a task is a function. */
import { HOUR, type Clock } from "../base/time.ts";
import { purgeTrace } from "../journal/trace.ts";
import { purgeAttempts } from "../login/attempts.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";

export type Task = {
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
};

type Deps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly events: Events;
  readonly purgeDiscoveries: () => Promise<unknown>;
};

/** Nothing outlives its retention by more than the distance of these. */
function cleaning({ store, clock, purgeDiscoveries }: Deps): readonly Task[] {
  return [
    { name: "purge discoveries", everyMs: HOUR, run: purgeDiscoveries },
    { name: "purge trace", everyMs: HOUR, run: async () => purgeTrace(store, clock.now()) },
    { name: "purge attempts", everyMs: HOUR, run: async () => purgeAttempts(store, clock.now()) },
  ];
}

/** Runs every task at once and then at its distance, never twice at a time; a failure is logged and tried again. */
export function startSchedule(deps: Deps, tasks: readonly Task[]): AsyncDisposable {
  return startTasks(deps.events, [...cleaning(deps), ...tasks]);
}

/** As `startSchedule`, for a role that cleans nothing. */
export function startTasks(events: Events, tasks: readonly Task[]): AsyncDisposable {
  const loops = tasks.map((task) => new Loop(events, task));
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

class Loop {
  readonly #events: Events;
  readonly #task: Task;
  #running: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(events: Events, task: Task) {
    this.#events = events;
    this.#task = task;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#task.run();
    } catch (error) {
      this.#events.failed(this.#task.name, error);
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, jittered(this.#task.everyMs));
    this.#timer.unref();
  }
}

/** A tenth more or less, so that nobody outside can tell by the clock what a question is about. */
function jittered(ms: number): number {
  return ms * (0.9 + 0.2 * Math.random());
}
