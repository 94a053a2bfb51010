/**
 * Keys that the service opens, kept open for a moment. Mail often comes in several messages, and to open a slot and read each
 * key takes longer than to decrypt a message. What is kept is used only after the account was looked at again: its generation
 * (`binding.ts`), the keys that it has, and the service key in force. A change of any of these ends what is kept.
 */
import { SECOND } from "../base/time.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { readStanding, type Standing } from "../store/accounts/standing.ts";
import { type KeyNames, listKeyNames } from "../store/keys/key-names.ts";
import type { AccountId } from "../words/account.ts";
import { bindingOf } from "./binding.ts";
import { openWithService } from "./master-key.ts";
import { assignKeys, openKeys } from "./open-keys.ts";
import type { ServiceKey } from "./service-key.ts";
import { type KeyRoles, UnlockedKeys } from "./unlocked-keys.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** How long keys stay open after their last use. */
const IDLE_MS = 30 * SECOND;
/** Maximum number of accounts whose keys are kept open: those whose turn was the longest ago end first. */
const MAX_ACCOUNTS = 200;

type Limits = { readonly idleMs: number; readonly accounts: number };

type Kept = {
  readonly keys: UnlockedKeys;
  readonly masterKey: string;
  readonly generation: number;
  /** The one in force when the keys were opened: another one is another object. */
  readonly serviceKey: ServiceKey;
  users: number;
  timer: NodeJS.Timeout | undefined;
};

/** The keys that one process keeps open; wiped on dispose. */
export class ServiceOpenedKeys implements Disposable {
  readonly #deps: VaultDeps;
  readonly #limits: Limits;
  /** Those used last go last. */
  readonly #kept = new Map<AccountId, Kept>();
  #hasEnded = false;

  constructor(deps: VaultDeps, limits: Partial<Limits> = {}) {
    this.#deps = deps;
    this.#limits = { idleMs: IDLE_MS, accounts: MAX_ACCOUNTS, ...limits };
  }

  /** As `unlockWithService`: the caller disposes what it gets, which ends its use and not the keys. */
  async open(owner: AccountId): Promise<UnlockedKeys | undefined> {
    const kept = this.#kept.get(owner);
    return (kept && (await this.#lent(owner, kept))) ?? (await this.#openAnew(owner));
  }

  /** Undefined, and they end: something was changed since they were opened. */
  async #lent(owner: AccountId, kept: Kept): Promise<UnlockedKeys | undefined> {
    this.#begin(owner, kept);
    try {
      const current = await this.#current(owner, kept);
      if (current !== undefined) {
        this.#begin(owner, kept);
        const { names, standing } = current;
        const now = this.#deps.clock.now();
        const { active, roles } = assignKeys(standing.addresses, names.mailbox, now);
        return new LentKeys(kept.keys, active, { ...roles, generation: kept.generation }, () => {
          this.#finish(owner, kept);
        });
      }
      this.#end(owner, kept);
      return undefined;
    } catch (error) {
      this.#end(owner, kept);
      throw error;
    } finally {
      this.#finish(owner, kept);
    }
  }

  /** What is read of an account whose kept keys may be used; undefined when they may not. */
  async #current(
    owner: AccountId,
    { keys, masterKey, generation, serviceKey }: Kept,
  ): Promise<{ readonly names: KeyNames; readonly standing: Standing } | undefined> {
    const { store, serviceKeys } = this.#deps;
    const names = await listKeyNames(store, owner, masterKey);
    const known = new Set(keys.all.map(({ fingerprint }) => fingerprint));
    if (names.secret.length !== known.size || !names.secret.every((one) => known.has(one))) {
      return undefined;
    }
    // Read last: what was changed meanwhile has another generation.
    const standing = await readStanding(store, owner);
    if (standing === undefined) return undefined;
    const binding = await bindingOf(store, owner, standing.said);
    const isCurrent = binding?.generation === generation && serviceKeys.current === serviceKey;
    return isCurrent && !this.#hasEnded ? { names, standing } : undefined;
  }

  async #openAnew(owner: AccountId): Promise<UnlockedKeys | undefined> {
    const serviceKey = this.#deps.serviceKeys.current;
    using masterKey = await openWithService(this.#deps, owner);
    if (masterKey === undefined) return undefined;
    const keys = await openKeys(this.#deps, masterKey);
    // A row that stays closed is looked at each time.
    if (this.#hasEnded || keys.refused.length > 0) return keys;
    const { id, generation } = masterKey;
    const kept: Kept = { keys, masterKey: id, generation, serviceKey, users: 0, timer: undefined };
    this.#end(owner, this.#kept.get(owner));
    this.#begin(owner, kept);
    for (const [oldest, one] of this.#kept) {
      if (this.#kept.size <= this.#limits.accounts) break;
      this.#end(oldest, one);
    }
    return new LentKeys(keys, keys.active?.fingerprint, keys.roles, () => {
      this.#finish(owner, kept);
    });
  }

  #begin(owner: AccountId, kept: Kept): void {
    clearTimeout(kept.timer);
    kept.users += 1;
    // Those that ended meanwhile are not kept again.
    if (kept.users > 1 && this.#kept.get(owner) !== kept) return;
    this.#kept.delete(owner);
    this.#kept.set(owner, kept);
  }

  #finish(owner: AccountId, kept: Kept): void {
    kept.users -= 1;
    if (kept.users > 0) return;
    if (this.#kept.get(owner) !== kept) kept.keys[Symbol.dispose]();
    else {
      const end = (): void => {
        this.#end(owner, kept);
      };
      kept.timer = setTimeout(end, this.#limits.idleMs).unref();
    }
  }

  /** From now on nobody gets them; whoever has them ends with them. */
  #end(owner: AccountId, kept: Kept | undefined): void {
    if (kept === undefined) return;
    clearTimeout(kept.timer);
    if (this.#kept.get(owner) === kept) this.#kept.delete(owner);
    if (kept.users === 0) kept.keys[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    for (const [owner, kept] of this.#kept) this.#end(owner, kept);
  }
}

/** Keys that somebody else wipes. */
class LentKeys extends UnlockedKeys {
  #giveBack: (() => void) | undefined;

  constructor(
    keys: UnlockedKeys,
    active: Fingerprint | undefined,
    roles: KeyRoles,
    giveBack: () => void,
  ) {
    super(keys.all, active, keys.refused, roles);
    this.#giveBack = giveBack;
  }

  override [Symbol.dispose](): void {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    giveBack?.();
  }
}
