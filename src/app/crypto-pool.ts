/**
 * Sealing and opening in worker threads that can be killed: hostile mail is opened where a time limit holds, and the
 * event loop of the process that answers the network is never busy with it. Flows are given `seal`, `open` and the
 * reading of large messages from here.
 */
import { availableParallelism } from "node:os";
import { AppError, ProgramFault, TooCostly } from "../base/errors.ts";
import { SECOND } from "../base/time.ts";
import type { UnlockedKey } from "../openpgp/secret-key.ts";
import { encryptAtRest } from "../openpgp/encrypt.ts";
import type { SealMessage } from "../outgoing/copies.ts";
import { type ClientProtection, clientProtection } from "../outgoing/already-protected.ts";
import { examine, type Examined } from "../pgpmime/examine.ts";
import { findCiphertext, type FoundCiphertext } from "../pgpmime/find-ciphertext.ts";
import type { Opened } from "../pgpmime/open.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import {
  type AtRestRequest,
  type Job,
  type Outcome,
  PooledWorker,
  secretsOf,
} from "./pooled-worker.ts";

export type Seal = SealMessage;
export type SealRequest = Parameters<SealMessage>[0];
export type OpenRequest = {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
};
export type Open = (request: OpenRequest) => Promise<Opened>;

export type CryptoPool = AsyncDisposable & {
  readonly seal: Seal;
  readonly open: Open;
  readonly examine: (message: Uint8Array) => Promise<Examined>;
  readonly holds: (message: Uint8Array) => Promise<FoundCiphertext["kind"]>;
  readonly clientProtection: (message: Uint8Array) => Promise<ClientProtection>;
  readonly encryptAtRest: (request: AtRestRequest) => Promise<Uint8Array>;
  readonly figures: () => PoolFigures;
};

/** Threads, and jobs that run or wait. */
export type PoolFigures = {
  readonly workers: number;
  readonly running: number;
  readonly waiting: number;
};

type Limits = {
  readonly workers: number;
  readonly jobMs: number;
  readonly waiting: number;
  readonly jobsPerWorker: number;
};

/** A worker is recycled after some jobs so that nothing a message left behind lives long. */
const DEFAULT_LIMITS: Limits = {
  workers: Math.max(1, availableParallelism()),
  jobMs: 10 * SECOND,
  waiting: 200,
  jobsPerWorker: 1000,
};

type Waiting = {
  readonly job: Job;
  readonly settle: (outcome: Outcome) => void;
};

/**
 * Starts with no worker; each is made when a job needs it. A job over its limits ends its worker: an opening is tried
 * once more and is then too costly for now (`TooCostly`), a sealing is temporary trouble. So is a worker that ends by
 * itself, and more than `waiting` jobs in the queue. An opening that a fault of the program ends is a `ProgramFault`:
 * what is damaged says so by its outcome, never by an exception.
 */
export function startCryptoPool(limits: Partial<Limits> = {}): CryptoPool {
  const pool = new Pool({ ...DEFAULT_LIMITS, ...limits });
  return {
    seal: async ({ signer, ...request }) => {
      using secret = signer.secretBytes();
      const outcome = await pool.run({
        ...request,
        kind: "seal",
        signer: Uint8Array.from(secret.reveal()),
      });
      if (outcome.kind === "sealed") return outcome.message;
      if (outcome.kind === "unsealable") throw new UnsealableMessage(outcome.why);
      throw failure(outcome);
    },
    open: async (request) => {
      const first = await pool.run(openJob(request));
      const outcome = first.kind === "overrun" ? await pool.run(openJob(request)) : first;
      if (outcome.kind === "opened") return outcome.opened;
      if (outcome.kind === "overrun") throw new TooCostly(outcome.reason);
      if (outcome.kind === "failed" && !outcome.temporary) {
        // A fault over there says nothing about the message.
        throw new ProgramFault(outcome.reason);
      }
      throw failure(outcome);
    },
    examine: async (message) => {
      if (message.length <= SMALL_OCTETS) return examine(message);
      const outcome = await pool.run({ kind: "examine", message });
      if (outcome.kind === "examined") return outcome.examined;
      throw failure(outcome);
    },
    holds: async (message) => {
      if (message.length <= SMALL_OCTETS) return findCiphertext(message).kind;
      const outcome = await pool.run({ kind: "holds", message });
      if (outcome.kind === "held") return outcome.holds;
      throw failure(outcome);
    },
    clientProtection: async (message) => {
      if (message.length <= SMALL_OCTETS) return clientProtection(message);
      const outcome = await pool.run({ kind: "client-protection", message });
      if (outcome.kind === "client-protection") return outcome.protection;
      throw failure(outcome);
    },
    encryptAtRest: async (request) => {
      if (request.data.length <= SMALL_OCTETS) return encryptAtRest(request);
      const outcome = await pool.run({ kind: "wrap", ...request });
      if (outcome.kind === "wrapped") return outcome.wrapped;
      throw failure(outcome);
    },
    figures: () => pool.figures,
    [Symbol.asyncDispose]: () => pool.stop(),
  };
}

/** A job is used up by its run: the copies of the keys go with it. */
function openJob({ message, keys }: OpenRequest): Job {
  const secrets = keys.map((key) => {
    using secret = key.secretBytes();
    return Uint8Array.from(secret.reveal());
  });
  return { kind: "open", message, keys: secrets };
}

/** Smaller messages are read at once: to send them to a thread takes longer. */
const SMALL_OCTETS = 128 * 1024;

function failure(outcome: Outcome): AppError {
  if (outcome.kind === "failed") {
    return new AppError(outcome.reason, { temporary: outcome.temporary });
  }
  const reason = outcome.kind === "overrun" ? outcome.reason : "the worker answered something else";
  return new AppError(reason, { temporary: true });
}

class Pool {
  readonly #limits: Limits;
  readonly #idle: PooledWorker[] = [];
  readonly #all = new Set<PooledWorker>();
  readonly #queue: Waiting[] = [];
  #isStopped = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  run(job: Job): Promise<Outcome> {
    if (this.#isStopped || this.#queue.length >= this.#limits.waiting) {
      for (const secret of secretsOf(job)) secret.fill(0);
      return Promise.resolve({
        kind: "failed",
        reason: "too many messages are being worked on",
        temporary: true,
      });
    }
    return new Promise((settle) => {
      this.#queue.push({ job, settle });
      this.#next();
    });
  }

  get figures(): PoolFigures {
    const workers = this.#all.size;
    return { workers, running: workers - this.#idle.length, waiting: this.#queue.length };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { job, settle } of this.#queue.splice(0)) {
      for (const secret of secretsOf(job)) secret.fill(0);
      settle({ kind: "failed", reason: "stopping", temporary: true });
    }
    await Promise.all([...this.#all].map((worker) => worker.end()));
  }

  #next(): void {
    const worker = this.#idle.pop() ?? this.#grow();
    if (worker === undefined) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) {
      this.#idle.push(worker);
      return;
    }
    worker.run(waiting.job, this.#limits.jobMs, (outcome) => {
      waiting.settle(outcome);
      if (worker.isAlive && worker.jobs < this.#limits.jobsPerWorker) this.#idle.push(worker);
      else this.#retire(worker);
      if (!this.#isStopped && this.#queue.length > 0) this.#next();
    });
  }

  #grow(): PooledWorker | undefined {
    if (this.#queue.length === 0 || this.#all.size >= this.#limits.workers) return undefined;
    const worker = new PooledWorker((dead) => {
      this.#drop(dead);
    });
    this.#all.add(worker);
    return worker;
  }

  /** One that ends while it has nothing to do must not be given the next job. */
  #drop(worker: PooledWorker): void {
    this.#all.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  #retire(worker: PooledWorker): void {
    this.#all.delete(worker);
    // The thread ends on its own time; nobody waits for it and its exit is not news.
    void worker.end();
  }
}
