import { SECOND } from "../../base/time.ts";
import type { ListenerLimits } from "./handlers.ts";

/** How often it is looked how far a message has come. */
const LOOK_MS = 5 * SECOND;

type Limits = Pick<ListenerLimits, "dataMs" | "dataOctetsPerSecond" | "slowAfterMs">;

/**
 * Follows a message as it comes in. `signal` fires when the message is not whole in time. It also fires when the message
 * comes with fewer octets a second than the limit, from the beginning on: such a client means to hold the connection. A
 * client may be as slow as it likes in its first minute.
 */
export class Pace implements Disposable {
  readonly #abort = new AbortController();
  readonly #timers: readonly NodeJS.Timeout[];
  #octets = 0;

  constructor({ dataMs, dataOctetsPerSecond, slowAfterMs }: Limits) {
    const start = performance.now();
    const end = (): void => {
      this.#abort.abort();
    };
    const look = (): void => {
      const passedMs = performance.now() - start;
      const least = (dataOctetsPerSecond * passedMs) / SECOND;
      if (passedMs >= slowAfterMs && this.#octets < least) end();
    };
    this.#timers = [
      setTimeout(end, dataMs).unref(),
      setInterval(look, Math.min(LOOK_MS, slowAfterMs)).unref(),
    ];
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** So many octets have come in all. */
  came(octets: number): void {
    this.#octets = octets;
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
