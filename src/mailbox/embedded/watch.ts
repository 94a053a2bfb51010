/**
 * Tells those who look at mailboxes that something changed, whichever process changed it. However many are looked at, the
 * database is asked one question at a time.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { readLastChanges } from "../../store/mailbox/mailboxes.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";

/** How long a change may stay unseen. */
const DISTANCE_MS = 400;

type Waiter = { readonly account: AccountId; readonly change: number; readonly wake: () => void };

/** The mailboxes of one store that somebody looks at. */
export class MailboxWatch {
  readonly #store: Store;
  readonly #failed: (error: unknown) => void;
  readonly #waiters = new Set<Waiter>();
  #isAsking = false;

  /** `failed` is told that the database could not be asked; it is asked again. */
  constructor(store: Store, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** Resolves when a mailbox has a later change than this one, or when `signal` ends the wait. */
  async changed(account: AccountId, change: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => {
      resolve();
    };
    const waiter = { account, change, wake };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", wake, { once: true });
    void this.#ask();
    await promise;
    signal.removeEventListener("abort", wake);
    this.#waiters.delete(waiter);
  }

  /** Asks as long as somebody waits. */
  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#waiters.size > 0) {
      await this.#askOnce().catch(this.#failed);
      await sleep(DISTANCE_MS);
    }
    this.#isAsking = false;
  }

  async #askOnce(): Promise<void> {
    const accounts = new Set([...this.#waiters].map(({ account }) => account));
    const latest = await readLastChanges(this.#store, [...accounts]);
    for (const { account, change, wake } of this.#waiters) {
      if ((latest.get(account) ?? 0) > change) wake();
    }
  }
}
