import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import type { LoggedIn } from "./sender.ts";

/** A copy of the keys that a login opened, and the generation of the account that they belong to. */
export type DrainRound = { readonly keys: UnlockedKeys; readonly generation: number };

type Deps = {
  /** Opens what waits for an account. */
  readonly open: (account: AccountId, round: DrainRound) => Promise<void>;
  /** Runs work that nobody waits for, and hears what it throws. */
  readonly run: (work: () => Promise<void>) => void;
};

/**
 * Mail that is opened with the keys of logins: one round of an account at a time. What came since a round began is opened
 * after it, with the keys of the last login.
 */
export class LoginDrains {
  readonly #deps: Deps;
  /** The accounts of the rounds that run, each with the round that comes next. */
  readonly #rounds = new Map<AccountId, DrainRound | undefined>();
  #isStopped = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The keys of the login remain its own. */
  begin({ account: { id }, keys, generation }: LoggedIn): void {
    if (this.#isStopped) return;
    const round = { keys: keys.clone(), generation };
    if (!this.#rounds.has(id)) {
      this.#start(id, round);
      return;
    }
    this.#rounds.get(id)?.keys[Symbol.dispose]();
    this.#rounds.set(id, round);
  }

  /** Rounds that have not begun do so no more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Takes the keys over. */
  #start(account: AccountId, round: DrainRound): void {
    this.#rounds.set(account, undefined);
    this.#deps.run(async () => {
      using _keys = round.keys;
      try {
        await this.#deps.open(account, round);
      } finally {
        const next = this.#rounds.get(account);
        this.#rounds.delete(account);
        if (next !== undefined && !this.#isStopped) this.#start(account, next);
        else next?.keys[Symbol.dispose]();
      }
    });
  }
}
