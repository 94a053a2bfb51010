/** The symmetric keys of a mailbox, one for each key pair of its reader that is open (docs/adr/0031-mailbox-at-rest.md). */
import { createSecretKey, type KeyObject } from "node:crypto";

import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import { unwrapData, wrapData } from "../../vault/wrap.ts";
import type { AccountId } from "../../words/account.ts";

/** The purpose is part of what is stored: another one opens nothing. */
const PURPOSE = "mailbox";

/** What is wrapped: in which row it stands, and what it is there. */
export type WrappedPlace = {
  readonly kind: "summary" | "folder" | "terms" | "segment" | "block";
  readonly id: string;
};

/** Something wrapped, and the fingerprint of the key pair whose key opens it. */
export type Wrapped = { readonly key: string; readonly octets: Uint8Array };

/** Wraps and opens what a mailbox keeps beside its messages. The keys of the reader stay the caller's. */
export class MailboxKeys {
  readonly #account: AccountId;
  readonly #current: UnlockedKey;
  readonly #unlocked: UnlockedKeys;
  readonly #all: ReadonlyMap<string, UnlockedKey>;
  readonly #derived = new Map<string, KeyObject>();

  private constructor(account: AccountId, current: UnlockedKey, unlocked: UnlockedKeys) {
    this.#account = account;
    this.#current = current;
    this.#unlocked = unlocked;
    this.#all = new Map(unlocked.all.map((key) => [key.fingerprint, key]));
  }

  /** Undefined without keys. */
  static of(account: AccountId, keys: UnlockedKeys | undefined): MailboxKeys | undefined {
    // Without an active key what is there already still opens.
    const current = keys?.mailbox ?? keys?.all[0];
    return keys && current && new MailboxKeys(account, current, keys);
  }

  /** Every key that decrypts mail, for what is wrapped to the public key. */
  get unlocked(): readonly UnlockedKey[] {
    return [...this.#all.values()];
  }

  /** The key pair that mail is stored under from now on; undefined while none is in force, or it is not open. */
  get present(): UnlockedKey | undefined {
    const { mailbox, roles } = this.#unlocked;
    const isOther = roles.mailbox !== undefined && roles.mailbox !== mailbox?.fingerprint;
    return isOther ? undefined : mailbox;
  }

  /**
   * The key pairs whose sealed mail stays as it was received: those that others seal to, of any address of the reader. Where the
   * mailbox has one of its own, that alone.
   */
  get sealing(): readonly UnlockedKey[] {
    const { mailbox, active, roles } = this.#unlocked;
    if (mailbox === undefined) return [];
    if (mailbox !== active) return [mailbox];
    const published = new Set<string>([active.fingerprint, ...(roles.byAddress?.values() ?? [])]);
    return this.unlocked.filter(({ fingerprint }) => published.has(fingerprint));
  }

  /** Whether the key pair that a wrapped row names is open. */
  has(key: string): boolean {
    return this.#all.has(key);
  }

  wrap(place: WrappedPlace, octets: Uint8Array): Wrapped {
    const { fingerprint } = this.#current;
    const key = this.#keyOf(this.#current);
    return { key: fingerprint, octets: wrapData(key, octets, this.#context(place)) };
  }

  /** Undefined when the key pair is not open, or the row is not as it was written. */
  open(place: WrappedPlace, { key, octets }: Wrapped): Uint8Array | undefined {
    const unlocked = this.#all.get(key);
    return unlocked && unwrapData(this.#keyOf(unlocked), octets, this.#context(place));
  }

  #context({ kind, id }: WrappedPlace): readonly string[] {
    return [PURPOSE, this.#account, kind, id];
  }

  #keyOf(unlocked: UnlockedKey): KeyObject {
    const known = this.#derived.get(unlocked.fingerprint);
    if (known !== undefined) return known;
    using derived = unlocked.derive(PURPOSE);
    const key = createSecretKey(derived.reveal());
    this.#derived.set(unlocked.fingerprint, key);
    // OpenSSL's copy goes with the key that it is made of.
    unlocked.whenDisposed(() => this.#derived.delete(unlocked.fingerprint));
    return key;
  }
}
