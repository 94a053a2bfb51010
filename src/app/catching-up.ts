/** Prepares mailboxes while their keys are open, so that lists are quick and searches find what came. */
import { Gate } from "../base/gate.ts";
import type { PendingDeps } from "../incoming/pending-deps.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import { Conflict } from "../vault/conflict.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import { bindingTo } from "./bound-opening.ts";
import type { Events } from "./events.ts";

type Deps = {
  readonly pending: Pick<PendingDeps, "store" | "mailboxOf">;
  readonly unlockWithService: ReadingDeps["unlockWithService"];
  readonly events: Pick<Events, "failed">;
};

/** Open keys, and the generation of the account that they belong to; without one the current one counts. */
export type OpenedKeys = {
  readonly keys: UnlockedKeys;
  readonly generation: number | undefined;
};

/** Maximum number of mailboxes that wait to be prepared: each holds open keys meanwhile. */
const MAX_WAITING = 100;

/** One mailbox is prepared at a time, so that it takes little from those whom somebody waits for. */
export class CatchingUp {
  readonly #deps: Deps;
  readonly #gate: Gate;
  readonly #begun = new Set<AccountId>();
  /** Accounts for which something came; it is prepared with the key that the provider may use, if they may. */
  readonly #noted = new Set<AccountId>();
  readonly #running = new Set<Promise<void>>();
  readonly #end = new AbortController();

  /** `maxWaiting`: mailboxes that wait to be prepared; others are prepared after a later login, or when they were noted. */
  constructor(deps: Deps, maxWaiting = MAX_WAITING) {
    this.#deps = deps;
    this.#gate = new Gate({ inAll: 1, forKey: 1, waiting: maxWaiting });
  }

  /** Something came for this account: it is prepared at the next `prepareNoted`. */
  note(account: AccountId): void {
    this.#noted.add(account);
  }

  /** Prepares the mailboxes that were noted and that the provider may open. One that fails is noted again. */
  async prepareNoted(): Promise<void> {
    const noted = [...this.#noted];
    this.#noted.clear();
    for (const account of noted) {
      if (this.#end.signal.aborted) return;
      try {
        using keys = await this.#deps.unlockWithService(account);
        if (keys === undefined) continue;
        if (!(await this.#prepare(account, { keys, generation: keys.generation }))) {
          this.note(account);
        }
      } catch (error) {
        this.note(account);
        this.#failed(error);
      }
    }
  }

  /** Begins to prepare a mailbox, with keys that it takes over. Nobody waits for it. */
  begin(account: AccountId, opened: OpenedKeys): void {
    const running = this.#withOwn(account, opened)
      .catch((error: unknown) => {
        this.#failed(error);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Keys that are those of the account no longer are no failure. */
  #failed(error: unknown): void {
    if (!(error instanceof Conflict)) this.#deps.events.failed("preparing a mailbox", error);
  }

  async #withOwn(account: AccountId, opened: OpenedKeys): Promise<void> {
    using _keys = opened.keys;
    await this.#prepare(account, opened);
  }

  /**
   * Prepares a mailbox, unless that has begun. It ends early when all is over. @returns false when too many wait for
   * it. @throws Conflict as soon as the keys are those of the account no longer.
   */
  async #prepare(account: AccountId, { keys, generation }: OpenedKeys): Promise<boolean> {
    if (this.#begun.has(account)) return true;
    this.#begun.add(account);
    const { signal } = this.#end;
    try {
      const { store, mailboxOf } = this.#deps.pending;
      const beforePage = await bindingTo(store, account, generation);
      const prepared = await this.#gate.pass(account, signal, async () => {
        await beforePage();
        const address = await primaryAddress(store, account);
        await mailboxOf(store, { id: account, address }, keys).catchUp({ signal, beforePage });
        return true;
      });
      return prepared ?? signal.aborted;
    } finally {
      this.#begun.delete(account);
    }
  }

  /** What has not ended ends after the message that it is at. */
  async finish(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#running);
  }
}
