/**
 * The login cache: what one Argon2id of a password gave, for a login that is repeated soon from the same network. It replaces
 * the Argon2id and nothing else (`repeated-login.ts`).
 *
 * An entry is wrapped under a key of the password and a random secret of the process. Neither is stored: the process makes the
 * key anew from each password that is typed. An entry belongs to one account at one generation, and to one network, so that
 * passwords from other networks never meet it.
 */
import { randomBytes } from "node:crypto";

import { fixedBytes, fixedCopy, Secret } from "../base/secret.ts";
import { HOUR, type Clock } from "../base/time.ts";
import type { TypedPassword } from "../vault/typed-password.ts";
import { unwrap, wrap } from "../vault/wrap.ts";
import type { AccountId } from "../words/account.ts";

/** How long after its Argon2id an entry is used at most. */
const MAX_AGE_MS = 8 * HOUR;
/** Maximum number of entries: the one that was not used for the longest goes first. */
const MAX_ENTRIES = 10_000;

const RANDOM_BYTES = 32;
const KEY_BYTES = 32;

/** Whose entry it is: `network` is the client's /24 or /48. */
export type CacheOwner = {
  readonly account: AccountId;
  readonly network: string;
  /** The change of the account that the entry belongs to. */
  readonly generation: number;
};

/** What a typed password came to: `opened` gave it its keys, `wrong` is certain, `none` says nothing of the password. */
export type CacheTrial = "opened" | "wrong" | "none";

type Entry = {
  readonly generation: number;
  readonly salt: Uint8Array;
  readonly wrapped: Secret;
  readonly madeAt: Date;
  usedAt: Date;
};

/** The entries of one process; wiped on dispose. */
export class LoginCache implements Disposable {
  readonly #clock: Clock;
  readonly #idleMs: () => number;
  readonly #random = new Secret(randomBytes(RANDOM_BYTES));
  /** The entry that was used last goes last. */
  readonly #entries = new Map<string, Entry>();
  #hasEnded = false;

  /** `idleMs`: how long an entry is kept without being used, as it is configured now; 0 switches the cache off. */
  constructor(clock: Clock, idleMs: () => number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  /** Whether logins are to be remembered. */
  get isOn(): boolean {
    return !this.#hasEnded && this.#idleMs() > 0;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Remembers the keys of a password that was right; they were made already, for this salt. */
  async keep(owner: CacheOwner, password: TypedPassword, salt: Uint8Array): Promise<void> {
    const { verifier, wrapping } = await password.keysFor(salt);
    if (!this.isOn) return;
    using both = new Secret(fixedBytes(2 * KEY_BYTES));
    both.reveal().set(verifier.reveal());
    both.reveal().set(wrapping.reveal(), KEY_BYTES);
    using key = password.keyUnder(this.#random, purposeOf(owner));
    const wrapped = new Secret(fixedCopy(wrap(key, both.reveal(), contextOf(owner, salt))));
    const now = this.#clock.now();
    this.drop(owner);
    const entry = { generation: owner.generation, salt, wrapped, madeAt: now, usedAt: now };
    this.#entries.set(nameOf(owner), entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_ENTRIES && oldest !== undefined) this.#drop(oldest);
  }

  /**
   * Tries a password. With `opened` it has its keys from now on, and makes no Argon2id any more. An entry of another generation
   * is dropped. A wrong password leaves the entry as it is, and takes as long as one without an entry.
   */
  try(owner: CacheOwner, password: TypedPassword): CacheTrial {
    if (!this.isOn) return "none";
    const entry = this.#live(owner);
    using key = password.keyUnder(this.#random, purposeOf(owner));
    if (entry === undefined) {
      // As much work as with an entry.
      using _nothing = unwrap(key, new Uint8Array(WRAPPED_BYTES), contextOf(owner, NO_SALT));
      return "none";
    }
    using both = unwrap(key, entry.wrapped.reveal(), contextOf(owner, entry.salt));
    if (both === undefined) return "wrong";
    password.remember(entry.salt, {
      verifier: new Secret(fixedCopy(both.reveal().subarray(0, KEY_BYTES))),
      wrapping: new Secret(fixedCopy(both.reveal().subarray(KEY_BYTES))),
    });
    entry.usedAt = this.#clock.now();
    this.#entries.delete(nameOf(owner));
    this.#entries.set(nameOf(owner), entry);
    return "opened";
  }

  /** Forgets an account's entry for a network. */
  drop(owner: Pick<CacheOwner, "account" | "network">): void {
    this.#drop(nameOf(owner));
  }

  /**
   * Forgets what is idle or old, and entries of accounts that are at another generation by now. `generationsOf` gives the
   * generations of accounts that exist.
   */
  async dropStale(
    generationsOf: (accounts: readonly AccountId[]) => Promise<ReadonlyMap<AccountId, number>>,
  ): Promise<void> {
    for (const [name, entry] of this.#entries) if (!this.#isLive(entry)) this.#drop(name);
    const names = [...this.#entries.keys()];
    if (names.length === 0) return;
    const generations = await generationsOf([...new Set(names.map(accountOf))]);
    for (const name of names) {
      const generation = this.#entries.get(name)?.generation;
      // One that was made meanwhile may be ahead of what was read.
      const known = generations.get(accountOf(name)) ?? Number.POSITIVE_INFINITY;
      if (generation !== undefined && generation < known) this.#drop(name);
    }
  }

  #live(owner: CacheOwner): Entry | undefined {
    const entry = this.#entries.get(nameOf(owner));
    if (entry === undefined) return undefined;
    if (entry.generation === owner.generation && this.#isLive(entry)) return entry;
    this.drop(owner);
    return undefined;
  }

  /** A clock that was set back ends the entry too: nobody knows how old it is. */
  #isLive({ madeAt, usedAt }: Entry): boolean {
    const now = this.#clock.now().getTime();
    const [idle, age] = [now - usedAt.getTime(), now - madeAt.getTime()];
    return idle >= 0 && idle < this.#idleMs() && age < MAX_AGE_MS;
  }

  #drop(name: string): void {
    this.#entries.get(name)?.wrapped[Symbol.dispose]();
    this.#entries.delete(name);
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    for (const name of this.#entries.keys()) this.#drop(name);
    this.#random[Symbol.dispose]();
  }
}

/** What `wrap` makes of the two keys: nonce, ciphertext, tag. */
const WRAPPED_BYTES = 12 + 2 * KEY_BYTES + 16;
const NO_SALT = new Uint8Array(16);

/** No account ID has a NUL. */
function nameOf({ account, network }: Pick<CacheOwner, "account" | "network">): string {
  return `${account}\0${network}`;
}

function accountOf(name: string): AccountId {
  return name.slice(0, name.indexOf("\0")) as AccountId;
}

/** The same password of two accounts makes two keys. */
function purposeOf({ account, network }: CacheOwner): string {
  return `login cache|${account}|${network}`;
}

function contextOf({ account, network, generation }: CacheOwner, salt: Uint8Array): string[] {
  return ["login cache", account, network, String(generation), Buffer.from(salt).toString("hex")];
}
