/**
 * Writes the trace. What belongs to a message that is stored is written in the transaction that stores it: the caller gives
 * its store. Everything else is gathered for a moment and written in one transaction for all messages, so that a message
 * costs no commit of its own. A process that dies loses the entries of that moment. Entries that cannot be written now
 * wait, and are written as soon as the database can again.
 */
import { SECOND, MINUTE, type Clock } from "../base/time.ts";
import { recordTrace, recordTraces, type TraceEntry } from "../journal/trace.ts";
import type { Direction } from "../store/journal/trace.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";

type Step = [messageId: string, step: string, detail: TraceEntry["detail"]];

export type TraceWriter = AsyncDisposable & {
  /** Writes one step in the transaction of `store`. @throws Error when it cannot be written. */
  readonly write: (direction: Direction) => (...step: [...Step, store: Store]) => Promise<void>;
  /** Writes one step in a moment, and never fails. */
  readonly writeLater: (direction: Direction) => (...step: Step) => void;
  /** As `writeLater`: what a transaction was answered, under its name too. */
  readonly transaction: (
    direction: Direction,
  ) => (messageId: string, transaction: string, detail: TraceEntry["detail"]) => void;
};

/** How long entries gather before they are written together. */
const GATHER_MS = 50;
/** Maximum number of entries that one transaction writes. */
const MAX_TOGETHER = 500;
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
  const entry = (direction: Direction, ...[messageId, step, detail]: Step) => ({
    messageId,
    at: deps.clock.now(),
    direction,
    step,
    detail,
  });
  return {
    write: (direction) => async (messageId, step, detail, store) =>
      recordTrace(store, entry(direction, messageId, step, detail)),
    writeLater: (direction) => (messageId, step, detail) => {
      waiting.add(entry(direction, messageId, step, detail));
    },
    transaction: (direction) => (messageId, transaction, detail) => {
      waiting.add({ ...entry(direction, messageId, "answered", detail), transaction });
    },
    [Symbol.asyncDispose]: async () => waiting.end(),
  };
}

/** Entries that are still to be written, in order. What gathers within a moment is written in one transaction. */
class Waiting {
  readonly #deps: Deps;
  #entries: TraceEntry[] = [];
  #timer: NodeJS.Timeout | undefined;
  #delayMs = GATHER_MS;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  add(entry: TraceEntry): void {
    if (this.#entries.length >= MAX_WAITING) {
      this.#deps.events.failed("trace, which is lost", new Error("too much waits already"));
      return;
    }
    this.#entries.push(entry);
    this.#start();
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    try {
      while (this.#entries.length > 0) await this.#writeSome();
    } catch (error) {
      const where = `${String(this.#entries.length)} entries of the trace, which are lost`;
      this.#deps.events.failed(where, error);
    }
  }

  #start(): void {
    this.#timer ??= setTimeout(() => {
      this.#writing = this.#write();
    }, this.#delayMs).unref();
  }

  async #write(): Promise<void> {
    try {
      await this.#writeSome();
      this.#delayMs = GATHER_MS;
    } catch (error) {
      const isFirst = this.#delayMs === GATHER_MS;
      if (isFirst) this.#deps.events.failed("trace, which is tried again", error);
      this.#delayMs = isFirst ? FIRST_RETRY_MS : Math.min(this.#delayMs * 2, LAST_RETRY_MS);
    }
    this.#timer = undefined;
    if (this.#entries.length > 0) this.#start();
  }

  async #writeSome(): Promise<void> {
    const some = this.#entries.slice(0, MAX_TOGETHER);
    await recordTraces(this.#deps.store, some);
    this.#entries = this.#entries.slice(some.length);
  }
}
