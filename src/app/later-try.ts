import { HOUR, SECOND } from "../base/time.ts";

/** How long after the first failure work is tried again; twice as long each time. */
const FIRST_MS = 5 * SECOND;

/** Work that is tried again some time after it failed, at most once at a time. Disposing it ends that. */
export class LaterTry implements Disposable {
  readonly #work: () => void;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = FIRST_MS;
  #isStopped = false;

  constructor(work: () => void) {
    this.#work = work;
  }

  failed(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#work();
    }, this.#waitMs).unref();
    this.#waitMs = Math.min(2 * this.#waitMs, HOUR);
  }

  /** The next failure is the first one again. */
  succeeded(): void {
    this.#waitMs = FIRST_MS;
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}
