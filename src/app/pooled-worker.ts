/** One thread of the pool, what is sent to it and what comes back. */
import { Worker } from "node:worker_threads";

import { errorText } from "../base/errors.ts";
import { octetStringsIn, weighShared } from "../base/large-octets.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { type KeyName, KeysOver, type SentKey } from "./held-keys.ts";
import { wipeCopies } from "./key-copies.ts";
import type { WorkName } from "./thread-work.ts";

/** What a worker is to do. Raw secret keys are copies, which are transferred and wiped over there. */
export type Job = {
  readonly name: WorkName;
  readonly request: unknown;
  /** The octets of the request go to the worker: here nobody reads them any more. */
  readonly isGiven?: boolean;
  /** It is for a user of ours, who waits for it. */
  readonly isUsers?: boolean;
  readonly keys: readonly Uint8Array[];
  /** Whose copies these are: the thread keeps them while they are open. */
  readonly owners?: readonly UnlockedKey[];
  /** Made of the owners. */
  readonly names?: readonly KeyName[];
};

/** What travels to a worker: plain values only. */
export type Sent =
  | {
      readonly kind: "job";
      readonly name: WorkName;
      readonly request: unknown;
      readonly keys: readonly SentKey[];
    }
  /** Keys that have ended. */
  | { readonly kind: "forget"; readonly ids: readonly number[] };

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
  readonly #keys = new KeysOver();
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
    this.#finish = (outcome) => {
      // Nobody knows whether the thread kept them.
      if (outcome.kind === "failed") this.forget((job.names ?? []).map(({ id }) => id));
      finish(outcome);
    };
    this.#timer = setTimeout(() => {
      this.isAlive = false;
      this.#settle({ kind: "overrun", reason: "too expensive" });
    }, limitMs);
    const { name, request } = job;
    const given = job.isGiven === true ? octetStringsIn(request) : [];
    try {
      const keys = this.#keys.toSend(job.keys, job.names);
      const octets = [...keys.flatMap((key) => key.octets ?? []), ...given];
      this.#send(
        { kind: "job", name, request, keys },
        octets.map(({ buffer }) => buffer as ArrayBuffer),
      );
      this.forget(this.#keys.tooMany());
    } catch (error) {
      wipeCopies(job.keys);
      this.#settle({ kind: "failed", reason: errorText(error), temporary: false, isFault: true });
    }
  }

  /** The thread wipes those of the keys that it has, after the job that it does. */
  forget(ids: readonly number[]): void {
    const there = this.#keys.without(ids);
    if (there.length > 0) this.#send({ kind: "forget", ids: there });
  }

  #send(sent: Sent, transferred: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(sent, transferred);
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

/** Smaller octet strings are copied in less time than their memory is given away. */
const LEAST_TRANSFERRED = 32 * 1024;

/** The memory of an outcome that can be given to the process that gets it: nothing else stands in it. */
export function transferable(outcome: Outcome): ArrayBuffer[] {
  if (outcome.kind !== "done") return [];
  const buffers = octetStringsIn(outcome.value).flatMap(({ buffer, byteLength }) => {
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
    return isWhole && byteLength >= LEAST_TRANSFERRED ? [buffer] : [];
  });
  return [...new Set(buffers)];
}
