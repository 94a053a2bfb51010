/** Prepares mailboxes while their keys are open, so that lists are quick and searches find what came. */
import { Gate } from "../base/gate.ts";
import type { PendingDeps } from "../incoming/pending-deps.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import type { Events } from "./events.ts";

type Deps = {
  readonly pending: Pick<PendingDeps, "store" | "mailboxOf">;
  readonly unlockWithService: ReadingDeps["unlockWithService"];
  readonly events: Pick<Events, "failed">;
};

/** One mailbox is prepared at a time, so that it takes little from those whom somebody waits for. */
export class CatchingUp {
  readonly #deps: Deps;
  readonly #gate = new Gate({ inAll: 1, forKey: 1, waiting: Number.POSITIVE_INFINITY });
  readonly #begun = new Set<AccountId>();
  /** Accounts for which something came; it is prepared with the key that the provider may use, if they may. */
  readonly #noted = new Set<AccountId>();
  readonly #running = new Set<Promise<void>>();
  readonly #end = new AbortController();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Something came for this account: it is prepared at the next `prepareNoted`. */
  note(account: AccountId): void {
    this.#noted.add(account);
  }

  /** Prepares the mailboxes that were noted and that the provider may open. */
  async prepareNoted(): Promise<void> {
    const noted = [...this.#noted];
    this.#noted.clear();
    for (const account of noted) {
      if (this.#end.signal.aborted) return;
      using keys = await this.#deps.unlockWithService(account);
      if (keys !== undefined) await this.#prepare(account, keys);
    }
  }

  /** Begins to prepare a mailbox, with keys that it takes over. Nobody waits for it. */
  begin(account: AccountId, keys: UnlockedKeys): void {
    const running = this.#withOwn(account, keys)
      .catch((error: unknown) => {
        this.#deps.events.failed("preparing a mailbox", error);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #withOwn(account: AccountId, keys: UnlockedKeys): Promise<void> {
    using own = keys;
    await this.#prepare(account, own);
  }

  /** Prepares a mailbox, unless that has begun. It ends early when all is over. */
  async #prepare(account: AccountId, keys: UnlockedKeys): Promise<void> {
    if (this.#begun.has(account)) return;
    this.#begun.add(account);
    const { signal } = this.#end;
    try {
      await this.#gate.pass(account, signal, async () => {
        const { store, mailboxOf } = this.#deps.pending;
        const address = await primaryAddress(store, account);
        await mailboxOf(store, { id: account, address }, keys).catchUp({ signal });
      });
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
