/**
 * Jobs take turns in a number of threads. A thread does one job at a time and is made when a job first needs it. A job
 * over its time or memory ends its thread, and the next job gets another one. Large jobs leave a thread to small ones, so
 * that a message of 35 MB holds up no other mail. The octets of large jobs that run at a time are limited, because each
 * job holds several times its own size.
 */
import { availableParallelism } from "node:os";

import { errorText } from "../base/errors.ts";
import { octetsIn, portable } from "../base/large-octets.ts";
import { SECOND } from "../base/time.ts";
import { KeyNames } from "./held-keys.ts";
import { wipeCopies } from "./key-copies.ts";
import { type Job, notNow, type Outcome, PooledWorker } from "./pooled-worker.ts";

/** Threads, and jobs that run or wait. */
export type PoolFigures = {
  readonly workers: number;
  readonly running: number;
  readonly waiting: number;
};

export type ThreadLimits = {
  readonly workers: number;
  /** How long one job may run. */
  readonly jobMs: number;
  /** Maximum number of jobs that wait for a thread. */
  readonly waiting: number;
  /** How many jobs a thread does before another one takes its place. */
  readonly jobsPerWorker: number;
  /** Maximum number of octets of all large jobs that run at a time; a job that is larger runs as the only large one. */
  readonly largeOctets: number;
};

/**
 * A worker is recycled after some jobs so that nothing a message left behind lives for ever. A new one costs a second of
 * processor time until it is compiled, as much as a thousand messages: hence not often.
 */
const DEFAULT_LIMITS: ThreadLimits = {
  workers: Math.max(1, availableParallelism()),
  jobMs: 10 * SECOND,
  waiting: 200,
  jobsPerWorker: 50_000,
  largeOctets: 64 * 1024 * 1024,
};

/** Larger jobs leave a thread to the others. */
const LARGE_JOB_OCTETS = 1024 * 1024;
/** What strangers cause takes at most this part of the places to wait: mail of our own users always finds one. */
const PART_OF_STRANGERS = 0.75;

type MakeWorker = (ended: (worker: PooledWorker) => void) => PooledWorker;

type Waiting = {
  readonly job: Job;
  readonly octets: number;
  readonly settle: (outcome: Outcome) => void;
};

/**
 * Runs jobs in threads, those of our own users first. The outcome says how a job ended; the keys of a job that does not run
 * are wiped. More jobs than may wait end at once as temporary failures, and so do all when the pool stops.
 */
export class ThreadPool {
  readonly #limits: ThreadLimits;
  readonly #idle: PooledWorker[] = [];
  readonly #all = new Set<PooledWorker>();
  readonly #queue: Waiting[] = [];
  readonly #names = new KeyNames((id) => {
    for (const worker of this.#all) worker.forget([id]);
  });
  /** Large jobs that run, and the octets of all of them. */
  readonly #large = { jobs: 0, octets: 0 };
  #preparing = 0;
  #isStopped = false;

  readonly #makeWorker: MakeWorker;

  /** `makeWorker`: another one in tests. */
  constructor(
    limits: Partial<ThreadLimits>,
    makeWorker: MakeWorker = (ended) => new PooledWorker(ended),
  ) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#makeWorker = makeWorker;
  }

  async run(given: Job): Promise<Outcome> {
    if (this.#isStopped || !this.#hasPlaceFor(given)) {
      wipeCopies(given.keys);
      return notNow("too many messages are being worked on");
    }
    const request = given.isGiven === true ? given.request : await this.#prepared(given);
    const names = (given.owners ?? []).map((key) => this.#names.of(key));
    return this.#enqueue({ ...given, request, names }, octetsIn(request));
  }

  #hasPlaceFor({ isUsers }: Job): boolean {
    const { waiting } = this.#limits;
    const places = isUsers === true ? waiting : waiting * PART_OF_STRANGERS;
    return this.#queue.length + this.#preparing < places;
  }

  /** @throws RangeError when there is no memory; then the keys are wiped. */
  async #prepared(given: Job): Promise<unknown> {
    this.#preparing += 1;
    try {
      return await portable(given.request);
    } catch (error) {
      wipeCopies(given.keys);
      throw error;
    } finally {
      this.#preparing -= 1;
    }
  }

  /** The pool may have stopped while the request was made ready. */
  async #enqueue(job: Job, octets: number): Promise<Outcome> {
    if (this.#isStopped) {
      wipeCopies(job.keys);
      return notNow("stopping");
    }
    return new Promise((settle) => {
      this.#queue.push({ job, octets, settle });
      this.#next();
    });
  }

  get figures(): PoolFigures {
    const workers = this.#all.size;
    return { workers, running: workers - this.#idle.length, waiting: this.#queue.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#turnAway("stopping");
    await Promise.all([...this.#all].map((worker) => worker.end()));
  }

  /** Ends all jobs that wait. */
  #turnAway(reason: string): void {
    for (const { job, settle } of this.#queue.splice(0)) {
      wipeCopies(job.keys);
      settle(notNow(reason));
    }
  }

  /** Starts every job that may run: one that ends can make room for several. */
  #next(): void {
    for (;;) {
      const large = this.#nextLarge();
      const mayRun = (one: Waiting): boolean =>
        one.octets <= LARGE_JOB_OCTETS || (one === large && this.#hasRoomFor(one));
      const users = this.#queue.findIndex((one) => one.job.isUsers === true && mayRun(one));
      const at = users === -1 ? this.#queue.findIndex(mayRun) : users;
      const worker = at === -1 ? undefined : (this.#idle.pop() ?? this.#grow());
      const [waiting] = worker === undefined ? [] : this.#queue.splice(at, 1);
      if (worker === undefined || waiting === undefined) return;
      this.#start(worker, waiting);
    }
  }

  /** Large jobs keep their order, or smaller ones could always take the room that the largest waits for. */
  #nextLarge(): Waiting | undefined {
    const large = this.#queue.filter(({ octets }) => octets > LARGE_JOB_OCTETS);
    return large.find(({ job }) => job.isUsers === true) ?? large[0];
  }

  /** Large jobs leave a thread to the others, and are together no more than the memory is meant for. */
  #hasRoomFor({ octets }: Waiting): boolean {
    if (this.#large.jobs === 0) return true;
    const { workers, largeOctets } = this.#limits;
    return this.#large.jobs < workers - 1 && this.#large.octets + octets <= largeOctets;
  }

  #start(worker: PooledWorker, { job, octets, settle }: Waiting): void {
    const isLarge = octets > LARGE_JOB_OCTETS;
    if (isLarge) this.#countLarge(1, octets);
    worker.run(job, this.#limits.jobMs, (outcome) => {
      if (isLarge) this.#countLarge(-1, -octets);
      settle(outcome);
      if (worker.isAlive && worker.jobs < this.#limits.jobsPerWorker) this.#idle.push(worker);
      else this.#retire(worker);
      if (!this.#isStopped) this.#next();
    });
  }

  #countLarge(jobs: number, octets: number): void {
    this.#large.jobs += jobs;
    this.#large.octets += octets;
  }

  #grow(): PooledWorker | undefined {
    if (this.#all.size >= this.#limits.workers) return undefined;
    try {
      const worker = this.#makeWorker((dead) => {
        this.#drop(dead);
      });
      this.#all.add(worker);
      return worker;
    } catch (error) {
      // The machine gives no further thread now. Jobs wait for the threads that are there, if there are any.
      if (this.#all.size === 0) this.#turnAway(`no thread can be started: ${errorText(error)}`);
      return undefined;
    }
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
