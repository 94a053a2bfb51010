/**
 * A SQLite file in a thread of its own: SQLite's calls hold the thread that makes them, for as long as the disk takes, or
 * another process that has the file locked. What is asked goes to `sqlite-worker.ts`, which answers in the same order.
 */
import { Worker } from "node:worker_threads";

import { errorFrom, type PortableError } from "./portable-error.ts";
import type { SqliteAnswer, SqliteHandle, SqliteRequest } from "./sqlite-handle.ts";
import { DatabaseTrouble } from "./trouble.ts";

/** What the thread is started with. */
export type SqliteFile = { readonly path: string; readonly isReadOnly: boolean };

/** What the thread is told. */
export type ToThread = SqliteRequest | "close";

/** What it says: first that the file is open, then an answer to each request. */
export type FromThread =
  | { readonly kind: "done"; readonly answer: SqliteAnswer }
  | { readonly kind: "failed"; readonly error: PortableError };

/** Minimum length of octets that are moved to the other thread; copying fewer takes less time. */
export const MOVED_OCTETS = 16 * 1024;

/** What it makes for an answer is garbage after it. */
const LIMITS = { maxYoungGenerationSizeMb: 4 };

type Waiting = {
  readonly resolve: (answer: SqliteAnswer) => void;
  readonly reject: (error: unknown) => void;
};

const PROGRAM = new URL("./sqlite-worker.ts", import.meta.url);

/** Starts the thread; `program` is another in tests. @throws Error with SQLite's `errcode` when it cannot open the file. */
export async function openSqliteThread(file: SqliteFile, program = PROGRAM): Promise<SqliteHandle> {
  const thread = new SqliteThread(file, program);
  await thread.opened;
  return thread;
}

class SqliteThread implements SqliteHandle {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  readonly #ended: Promise<void>;
  /** Why the thread does nothing more. */
  #over: DatabaseTrouble | undefined;
  readonly opened: Promise<unknown>;

  constructor(file: SqliteFile, program: URL) {
    this.#worker = new Worker(program, { workerData: file, resourceLimits: LIMITS });
    this.opened = this.#answer();
    this.#worker.on("message", (said: FromThread) => {
      const waiting = this.#taken();
      if (said.kind === "done") waiting?.resolve(said.answer);
      else waiting?.reject(errorFrom(said.error));
    });
    this.#worker.on("error", (error: Error) => {
      this.#end(error.message);
    });
    this.#worker.on("messageerror", (error) => {
      this.#end(error.message);
      void this.#worker.terminate();
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#end("it is closed");
        resolve();
      });
    });
  }

  run(request: SqliteRequest): Promise<SqliteAnswer> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const moved: ArrayBuffer[] = [];
    const parameters = request.parameters.map((value) => portable(value, moved));
    // What cannot be sent is thrown here, and nobody answers it.
    this.#worker.postMessage({ ...request, parameters } satisfies ToThread, moved);
    return this.#answer();
  }

  isOver(): boolean {
    return this.#over !== undefined;
  }

  async close(): Promise<void> {
    if (this.#over !== undefined) return;
    this.#worker.ref();
    this.#worker.postMessage("close" satisfies ToThread);
    await this.#ended;
  }

  /** The process goes on while somebody waits. */
  #answer(): Promise<SqliteAnswer> {
    if (this.#waiting.length === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  #taken(): Waiting | undefined {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    return waiting;
  }

  /** What is waited for may have been done, as when the process had ended; a transaction that is open is rolled back. */
  #end(why: string): void {
    this.#over ??= new DatabaseTrouble(
      "ended",
      `the thread that works with the database ended: ${why}; what it was asked for may be done or not`,
    );
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over);
  }
}

/** Octets without the memory around them, which would travel with them; in memory that all threads share, as they are. */
function portable(value: unknown, moved: ArrayBuffer[]): unknown {
  if (!(value instanceof Uint8Array) || value.buffer instanceof SharedArrayBuffer) return value;
  if (value.length === value.buffer.byteLength) return value;
  const copy = Uint8Array.from(value);
  if (copy.length >= MOVED_OCTETS) moved.push(copy.buffer);
  return copy;
}
