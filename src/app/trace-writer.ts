/**
 * Writes the trace. What is written in the transaction that accepts a message, or before a message leaves, must succeed:
 * the caller gives its store, or hears the error. What became of a message that has left already cannot be taken back:
 * where it cannot be written now it waits, and is written as soon as the database can again.
 */
import { SECOND, MINUTE, type Clock } from "../base/time.ts";
import { recordTrace, type TraceEntry } from "../journal/trace.ts";
import type { Store } from "../store/store.ts";
import type { Direction } from "../store/journal/trace.ts";
import type { Events } from "./events.ts";

/** Writes one step; in the transaction of `store`, if one is given. @throws Error when it cannot be written. */
export type WriteTrace = (
  messageId: string,
  step: string,
  detail: TraceEntry["detail"],
  store?: Store,
) => Promise<void>;

export type TraceWriter = AsyncDisposable & {
  readonly write: (direction: Direction) => WriteTrace;
  /** Writes now or later, and never fails. */
  readonly writeLater: (direction: Direction) => WriteTrace;
  /** As `writeLater`: what a transaction was answered, under its name too. */
  readonly transaction: (
    direction: Direction,
  ) => (messageId: string, transaction: string, detail: TraceEntry["detail"]) => Promise<void>;
};

const FIRST_RETRY_MS = SECOND;
const LAST_RETRY_MS = MINUTE;
/** Maximum number of entries that wait: about ten megabytes. More is lost, which is logged. */
const MAX_WAITING = 20_000;

type Deps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly events: Pick<Events, "failed">;
};

/** Disposing tries what waits once more; what still cannot be written is logged as lost. */
export function traceWriter(deps: Deps): TraceWriter {
  const waiting = new Waiting(deps);
  const entry = (direction: Direction, ...[messageId, step, detail]: Parameters<WriteTrace>) => ({
    messageId,
    at: deps.clock.now(),
    direction,
    step,
    detail,
  });
  return {
    write: (direction) => async (messageId, step, detail, store) =>
      recordTrace(store ?? deps.store, entry(direction, messageId, step, detail)),
    writeLater: (direction) => async (messageId, step, detail) =>
      waiting.add(entry(direction, messageId, step, detail)),
    transaction: (direction) => async (messageId, transaction, detail) =>
      waiting.add({ ...entry(direction, messageId, "answered", detail), transaction }),
    [Symbol.asyncDispose]: async () => waiting.end(),
  };
}

/** What could not be written yet, in order. */
class Waiting {
  readonly #deps: Deps;
  #entries: TraceEntry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async add(entry: TraceEntry): Promise<void> {
    if (this.#entries.length === 0) {
      try {
        await recordTrace(this.#deps.store, entry);
        return;
      } catch (error) {
        this.#deps.events.failed("trace, which is tried again", error);
      }
    }
    if (this.#entries.length >= MAX_WAITING) {
      this.#deps.events.failed("trace, which is lost", new Error("too much waits already"));
      return;
    }
    this.#entries.push(entry);
    this.#tryLater();
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    try {
      await this.#writeAll();
    } catch (error) {
      const where = `${String(this.#entries.length)} entries of the trace, which are lost`;
      this.#deps.events.failed(where, error);
    }
  }

  #tryLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#writing = this.#retry();
    }, this.#retryMs).unref();
  }

  async #retry(): Promise<void> {
    try {
      await this.#writeAll();
      this.#retryMs = FIRST_RETRY_MS;
    } catch {
      this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    }
    this.#timer = undefined;
    if (this.#entries.length > 0) this.#tryLater();
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#entries[0]; next !== undefined; next = this.#entries[0]) {
      await recordTrace(this.#deps.store, next);
      this.#entries = this.#entries.slice(1);
    }
  }
}
