/**
 * Secret keys in threads. A thread keeps a key that came with a job for as long as the key is open in the process: the
 * next job brings only its number, and nothing of the key is read or made again. The process wipes the key at a logout,
 * at the end of a session or of an opening, and when what opens the account changes. It then tells each thread that has
 * the key. The thread wipes it and lets OpenSSL's objects go. A thread that replaces another has no keys.
 */
import { ProgramFault } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";

/** A key that is open in this process. */
export type KeyName = { readonly id: number; hasEnded: boolean };

/** The numbers of the keys that are open; `ended` is told of each that is wiped. */
export class KeyNames {
  readonly #names = new WeakMap<UnlockedKey, KeyName>();
  readonly #ended: (id: number) => void;
  #last = 0;

  constructor(ended: (id: number) => void) {
    this.#ended = ended;
  }

  of(key: UnlockedKey): KeyName {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = { id: (this.#last += 1), hasEnded: false };
    this.#names.set(key, name);
    key.whenDisposed(() => {
      name.hasEnded = true;
      this.#ended(name.id);
    });
    return name;
  }
}

/** A key as it travels: with octets to be wiped over there, or the number of one that is there, or both: to be kept. */
export type SentKey = { readonly id?: number; readonly octets?: Uint8Array };

/** Maximum number of keys that a thread keeps: those used the longest ago come again with their next job. */
const MAX_HELD = 500;

/** What one thread has, as its process knows it. */
export class KeysOver {
  readonly #ids = new Set<number>();

  /** What to send of a job's keys; copies that are not needed are wiped. Names are missing where nothing is to be kept. */
  toSend(copies: readonly Uint8Array[], names: readonly KeyName[] = []): readonly SentKey[] {
    return copies.map((octets, index) => {
      const name = names[index];
      if (name === undefined || name.hasEnded) return { octets };
      const { id } = name;
      // The key that was used last goes last.
      if (!this.#ids.delete(id)) return this.#added({ id, octets });
      octets.fill(0);
      return this.#added({ id });
    });
  }

  #added(key: SentKey & { readonly id: number }): SentKey {
    this.#ids.add(key.id);
    return key;
  }

  /** The numbers among these that the thread has, and is to forget. */
  without(ids: readonly number[]): readonly number[] {
    return ids.filter((id) => this.#ids.delete(id));
  }

  /** The numbers beyond the maximum, which the thread is to forget. */
  tooMany(): readonly number[] {
    return this.without([...this.#ids].slice(0, Math.max(0, this.#ids.size - MAX_HELD)));
  }
}

/** What this thread has. */
export class KeysHere {
  readonly #held = new Map<number, UnlockedKey>();
  readonly #ending: UnlockedKey[] = [];

  /** The keys of a job; those that are not kept, and all copies, are wiped with `job`. */
  async forJob(sent: readonly SentKey[], job: DisposableStack): Promise<readonly UnlockedKey[]> {
    const secrets = sent.map(({ octets }) => octets && job.use(new Secret(octets)));
    const keys: UnlockedKey[] = [];
    for (const [index, { id }] of sent.entries()) {
      const secret = secrets[index];
      const key = secret === undefined ? this.#held.get(id ?? 0) : await readSecretKey(secret);
      if (key === undefined) throw new ProgramFault("a key that is not in its thread");
      if (id === undefined) job.use(key);
      else this.#held.set(id, key);
      keys.push(key);
    }
    return keys;
  }

  /** The next `wipe` wipes these keys: a running job may still use them. */
  forget(ids: readonly number[]): void {
    for (const id of ids) {
      const key = this.#held.get(id);
      if (key !== undefined) this.#ending.push(key);
      this.#held.delete(id);
    }
  }

  /** Wipes the forgotten keys. @returns how many there were */
  wipe(): number {
    const ended = this.#ending.splice(0);
    for (const key of ended) key[Symbol.dispose]();
    return ended.length;
  }
}
