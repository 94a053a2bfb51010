import { ExpiringMap } from "../base/expiring-map.ts";
import { type Clock, HOUR, MINUTE, after } from "../base/time.ts";

const MAX_FAILURES = 5;
const OPEN_MS = MINUTE;
const MAX_HOSTS = 10_000;

/** Spares hosts that keep failing: after five failures in a row nothing is sent for a minute, then one try decides. */
export class Breaker {
  readonly #clock: Clock;
  readonly #hosts: ExpiringMap<string, { readonly failures: number; readonly openUntil: Date }>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#hosts = new ExpiringMap(MAX_HOSTS, clock.now);
  }

  isOpen(host: string): boolean {
    const state = this.#hosts.get(host);
    return (
      state !== undefined && state.failures >= MAX_FAILURES && this.#clock.now() < state.openUntil
    );
  }

  record(host: string, isSuccess: boolean): void {
    if (isSuccess) {
      this.#hosts.delete(host);
      return;
    }
    const now = this.#clock.now();
    const failures = (this.#hosts.get(host)?.failures ?? 0) + 1;
    this.#hosts.set(host, { failures, openUntil: after(now, OPEN_MS) }, after(now, HOUR));
  }
}
