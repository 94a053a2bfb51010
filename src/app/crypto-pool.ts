/**
 * Sealing and opening in worker threads that can be killed: hostile mail is opened where a time limit holds, and the
 * event loop of the process that answers the network is never busy with it. Flows are given `seal`, `open` and the
 * reading of large messages from here.
 */
import { availableParallelism } from "node:os";
import { AppError, ProgramFault, TooCostly } from "../base/errors.ts";
import { octetsIn, portable } from "../base/large-octets.ts";
import { SECOND } from "../base/time.ts";
import { messageWorkHere, type MessageWork } from "../incoming/message-work.ts";
import type { CertificateWork } from "../openpgp/certificate-work.ts";
import { encryptAtRest } from "../openpgp/encrypt.ts";
import type { UnlockedKey } from "../openpgp/secret-key.ts";
import { type ClientProtection, clientProtection } from "../outgoing/already-protected.ts";
import type { SealMessage } from "../outgoing/copies.ts";
import type { Opened } from "../pgpmime/open.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import { type Job, notNow, type Outcome, PooledWorker } from "./pooled-worker.ts";
import type { WorkName, WorkRequest, WorkResult } from "./thread-work.ts";

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
  readonly messageWork: MessageWork;
  readonly certificateWork: CertificateWork;
  readonly clientProtection: (message: Uint8Array) => Promise<ClientProtection>;
  readonly encryptAtRest: typeof encryptAtRest;
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
  /** Of large jobs that run at a time; one that is larger runs alone. */
  readonly largeOctets: number;
};

/** A worker is recycled after some jobs so that nothing a message left behind lives long. */
const DEFAULT_LIMITS: Limits = {
  workers: Math.max(1, availableParallelism()),
  jobMs: 10 * SECOND,
  waiting: 200,
  jobsPerWorker: 1000,
  largeOctets: 64 * 1024 * 1024,
};

/** Smaller messages are read at once: to send them to a thread takes longer. */
const SMALL_OCTETS = 128 * 1024;
/** Larger jobs leave a thread to the others. */
const LARGE_JOB_OCTETS = 1024 * 1024;

type Waiting = {
  readonly job: Job;
  readonly octets: number;
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
  const work = workOf(pool);
  return {
    seal: async ({ signer, ...request }) => {
      const outcome = await pool.run({ name: "seal", request, keys: copiesOf([signer]) });
      if (outcome.kind === "unsealable") throw new UnsealableMessage(outcome.why);
      return valueOf<"seal">(outcome);
    },
    open: async ({ message, keys }) => {
      const once = async () => pool.run({ name: "open", request: message, keys: copiesOf(keys) });
      const first = await once();
      const outcome = first.kind === "overrun" ? await once() : first;
      if (outcome.kind === "failed" && !outcome.temporary) {
        // A fault over there says nothing about the message.
        throw new ProgramFault(outcome.reason);
      }
      return valueOf<"open">(outcome);
    },
    messageWork: messageWorkIn(work),
    certificateWork: certificateWorkIn(work),
    clientProtection: async (message) =>
      message.length <= SMALL_OCTETS
        ? clientProtection(message)
        : work("clientProtection", message),
    encryptAtRest: async (request) =>
      request.data.length <= SMALL_OCTETS ? encryptAtRest(request) : work("encryptAtRest", request),
    figures: () => pool.figures,
    [Symbol.asyncDispose]: () => pool.stop(),
  };
}

/** Work in a thread. @throws TooCostly over its limits, ProgramFault for a fault of the program, AppError for its own. */
type Work = <Name extends WorkName>(
  name: Name,
  request: WorkRequest<Name>,
  keys?: readonly UnlockedKey[],
  isGiven?: boolean,
) => Promise<WorkResult<Name>>;

function workOf(pool: Pool): Work {
  return async <Name extends WorkName>(
    name: Name,
    request: WorkRequest<Name>,
    keys: readonly UnlockedKey[] = [],
    isGiven = false,
  ): Promise<WorkResult<Name>> => {
    const outcome = await pool.run({ name, request, isGiven, keys: copiesOf(keys) });
    return valueOf<Name>(outcome);
  };
}

/** Small messages are worked on here. */
function messageWorkIn(work: Work): MessageWork {
  const here = messageWorkHere;
  const isSmall = (value: unknown): boolean => octetsIn(value) <= SMALL_OCTETS;
  return {
    examine: async (message) =>
      isSmall(message) ? here.examine(message) : work("examine", message),
    holds: async (shown) => (isSmall(shown) ? here.holds(shown) : work("holds", shown)),
    bodyOfRow: async (o) => (isSmall(o.pieces) ? here.bodyOfRow(o) : work("bodyOfRow", o)),
    bodyForMailbox: async (o) => {
      if (isSmall(o.message)) return here.bodyForMailbox(o);
      const { keys, ...request } = o;
      return work("bodyForMailbox", request, keys);
    },
    receivedForm: async (o) => {
      if (isSmall(o.body)) return here.receivedForm(o);
      const { keys, ...request } = o;
      return work("receivedForm", request, keys, isWhole(o.body));
    },
    decrypt: async (o) =>
      isSmall(o.message) ? here.decrypt(o) : work("decrypt", o.message, o.keys, isWhole(o.message)),
  };
}

/** Whether there is nothing else in its memory, so that it can be given to another thread. */
function isWhole({ buffer, byteLength }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
}

/** All of it in threads: how long a small certificate takes is for a stranger to choose. */
function certificateWorkIn(work: Work): CertificateWork {
  return {
    parseCertificates: async (input) => work("parseCertificates", input),
    acceptForEncryption: async (...given) => work("acceptForEncryption", given),
    revocationsOf: async (certificate) => work("revocationsOf", certificate),
    verifySignature: async (request) => work("verifySignature", request),
    checkSigner: async (...given) => work("checkSigner", given),
  };
}

/** A job is used up by its run: the copies of the keys go with it. */
function copiesOf(keys: readonly UnlockedKey[]): readonly Uint8Array[] {
  return keys.map((key) => {
    using secret = key.secretBytes();
    return Uint8Array.from(secret.reveal());
  });
}

/** What was asked for by `Name` is what was answered. */
function valueOf<Name extends WorkName>(outcome: Outcome): WorkResult<Name> {
  switch (outcome.kind) {
    case "done":
      return outcome.value as WorkResult<Name>;
    case "overrun":
      throw new TooCostly(outcome.reason);
    case "unsealable":
      throw new ProgramFault("the worker answered something else");
    case "failed": {
      const { reason, temporary, isFault } = outcome;
      throw isFault ? new ProgramFault(reason) : new AppError(reason, { temporary });
    }
  }
}

class Pool {
  readonly #limits: Limits;
  readonly #idle: PooledWorker[] = [];
  readonly #all = new Set<PooledWorker>();
  readonly #queue: Waiting[] = [];
  /** Large jobs that run, and the octets of all of them. */
  readonly #large = { jobs: 0, octets: 0 };
  #preparing = 0;
  #isStopped = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  async run(given: Job): Promise<Outcome> {
    if (this.#isStopped || this.#queue.length + this.#preparing >= this.#limits.waiting) {
      wipe(given);
      return notNow("too many messages are being worked on");
    }
    this.#preparing += 1;
    const request = given.isGiven === true ? given.request : await portable(given.request);
    this.#preparing -= 1;
    return this.#enqueue({ ...given, request }, octetsIn(request));
  }

  /** The pool may have stopped while the request was made ready. */
  async #enqueue(job: Job, octets: number): Promise<Outcome> {
    if (this.#isStopped) {
      wipe(job);
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

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { job, settle } of this.#queue.splice(0)) {
      wipe(job);
      settle(notNow("stopping"));
    }
    await Promise.all([...this.#all].map((worker) => worker.end()));
  }

  #next(): void {
    const at = this.#queue.findIndex((waiting) => this.#mayRun(waiting));
    if (at === -1) return;
    const worker = this.#idle.pop() ?? this.#grow();
    if (worker === undefined) return;
    const [waiting] = this.#queue.splice(at, 1);
    if (waiting !== undefined) this.#start(worker, waiting);
  }

  /** Large jobs leave a thread to the others, and are together no more than the memory is meant for. */
  #mayRun({ octets }: Waiting): boolean {
    if (octets <= LARGE_JOB_OCTETS || this.#large.jobs === 0) return true;
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

function wipe({ keys }: Job): void {
  for (const key of keys) key.fill(0);
}
