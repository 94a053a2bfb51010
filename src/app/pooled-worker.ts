/** One thread of the pool, what is sent to it and what comes back. */
import { Worker } from "node:worker_threads";
import { errorText } from "../base/errors.ts";
import { octetStringsIn, weighShared } from "../base/large-octets.ts";
import { wipeCopies } from "./key-copies.ts";
import type { WorkName } from "./thread-work.ts";

/** What travels to a worker: plain values only. Raw secret keys are copies, transferred, and wiped over there. */
export type Job = {
  readonly name: WorkName;
  readonly request: unknown;
  /** The octets of the request go to the worker: here nobody reads them any more. */
  readonly isGiven?: boolean;
  /** It is for a user of ours, who waits for it. */
  readonly isUsers?: boolean;
  readonly keys: readonly Uint8Array[];
};

/** What comes back. A thrown error travels as text: class identity does not cross threads. */
export type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "unsealable"; readonly why: string }
  /** The job took too long or too much memory: its own fault, or that of a busy machine. */
  | { readonly kind: "overrun"; readonly reason: string }
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly temporary: boolean;
      /** Not an error that the program foresees. */
      readonly isFault: boolean;
    };

/** Says nothing about the job: it may be tried again. */
export function notNow(reason: string): Outcome {
  return { kind: "failed", reason, temporary: true, isFault: false };
}

/** One thread that does one job at a time and says exactly once how it ended. */
export class PooledWorker {
  readonly #thread = new Worker(new URL("./crypto-worker.ts", import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  #finish: ((outcome: Outcome) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  isAlive = true;
  jobs = 0;

  constructor(ended: (worker: PooledWorker) => void) {
    this.#thread.unref();
    this.#thread.on("message", (outcome: Outcome) => {
      weighShared(outcome);
      this.#settle(outcome);
    });
    const died = (outcome: Outcome): void => {
      this.isAlive = false;
      ended(this);
      this.#settle(outcome);
    };
    this.#thread.on("error", (error: Error) => {
      const isMemory = Reflect.get(error, "code") === "ERR_WORKER_OUT_OF_MEMORY";
      const reason = `the worker failed: ${error.message}`;
      died(isMemory ? { kind: "overrun", reason: "too expensive" } : notNow(reason));
    });
    this.#thread.on("exit", () => {
      died(notNow("the worker ended"));
    });
  }

  run(job: Job, limitMs: number, finish: (outcome: Outcome) => void): void {
    this.jobs += 1;
    this.#finish = finish;
    this.#timer = setTimeout(() => {
      this.isAlive = false;
      this.#settle({ kind: "overrun", reason: "too expensive" });
    }, limitMs);
    const given = job.isGiven === true ? octetStringsIn(job.request) : [];
    try {
      this.#thread.postMessage(
        job,
        [...job.keys, ...given].map(({ buffer }) => buffer as ArrayBuffer),
      );
    } catch (error) {
      wipeCopies(job.keys);
      this.#settle({ kind: "failed", reason: errorText(error), temporary: false, isFault: true });
    }
  }

  /** A job that runs is not at fault: it may be tried again. */
  async end(): Promise<void> {
    this.isAlive = false;
    this.#settle(notNow("stopping"));
    await this.#thread.terminate();
  }

  #settle(outcome: Outcome): void {
    clearTimeout(this.#timer);
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.(outcome);
  }
}
