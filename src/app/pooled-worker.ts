/** One thread of the pool, what is sent to it and what comes back. */
import { Worker } from "node:worker_threads";
import type { encryptAtRest } from "../openpgp/encrypt.ts";
import type { SealMessage } from "../outgoing/copies.ts";
import type { ClientProtection } from "../outgoing/already-protected.ts";
import type { Examined } from "../pgpmime/examine.ts";
import type { FoundCiphertext } from "../pgpmime/find-ciphertext.ts";
import type { Opened } from "../pgpmime/open.ts";

/** Mail to be kept, and whom for. */
export type AtRestRequest = Parameters<typeof encryptAtRest>[0];

/** What travels to a worker: plain bytes only. Raw secret keys are copies, transferred, and wiped over there. */
export type Job =
  | ({ readonly kind: "seal"; readonly signer: Uint8Array } & Omit<
      Parameters<SealMessage>[0],
      "signer"
    >)
  | { readonly kind: "open"; readonly message: Uint8Array; readonly keys: readonly Uint8Array[] }
  | { readonly kind: "examine" | "holds" | "client-protection"; readonly message: Uint8Array }
  | ({ readonly kind: "wrap" } & AtRestRequest);

/** What comes back. A thrown error travels as text: class identity does not cross threads. */
export type Outcome =
  | { readonly kind: "sealed"; readonly message: Uint8Array }
  | { readonly kind: "opened"; readonly opened: Opened }
  | { readonly kind: "examined"; readonly examined: Examined }
  | { readonly kind: "held"; readonly holds: FoundCiphertext["kind"] }
  | { readonly kind: "client-protection"; readonly protection: ClientProtection }
  | { readonly kind: "wrapped"; readonly wrapped: Uint8Array }
  | { readonly kind: "unsealable"; readonly why: string }
  /** The job took too long or too much memory: its own fault, or that of a busy machine. */
  | { readonly kind: "overrun"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string; readonly temporary: boolean };

/** The octets of secret keys in a job. */
export function secretsOf(job: Job): readonly Uint8Array[] {
  if (job.kind === "seal") return [job.signer];
  return job.kind === "open" ? job.keys : [];
}

/** Says nothing about the job: it may be tried again. */
function goneBecause(reason: string): Outcome {
  return { kind: "failed", reason, temporary: true };
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
      died(isMemory ? { kind: "overrun", reason: "too expensive" } : goneBecause(reason));
    });
    this.#thread.on("exit", () => {
      died(goneBecause("the worker ended"));
    });
  }

  run(job: Job, limitMs: number, finish: (outcome: Outcome) => void): void {
    this.jobs += 1;
    this.#finish = finish;
    this.#timer = setTimeout(() => {
      this.isAlive = false;
      this.#settle({ kind: "overrun", reason: "too expensive" });
    }, limitMs);
    this.#thread.postMessage(
      job,
      secretsOf(job).map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  /** A job that runs is not at fault: it may be tried again. */
  async end(): Promise<void> {
    this.isAlive = false;
    this.#settle({ kind: "failed", reason: "stopping", temporary: true });
    await this.#thread.terminate();
  }

  #settle(outcome: Outcome): void {
    clearTimeout(this.#timer);
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.(outcome);
  }
}
