import { inspect } from "node:util";

import { canonicalAddress, type CanonicalAddress, type EmailAddress } from "../mail/address.ts";
import { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";

/** What some of the keys are for, where it is not all the same. */
export type KeyRoles = {
  /** The key that signs for each of the user's addresses. */
  readonly byAddress?: ReadonlyMap<CanonicalAddress, Fingerprint>;
  /** The key of the mailbox, if it has one of its own. */
  readonly mailbox?: Fingerprint | undefined;
  /** The change of the account that the slot which opened them belongs to. */
  readonly generation?: number;
};

/** A user's keys while they are open; wiped together on dispose. */
export class UnlockedKeys implements Disposable {
  /** The key that signs and that others encrypt to; undefined when none is active. */
  readonly active: UnlockedKey | undefined;
  /** Every key that decrypts, the active one first. */
  readonly all: readonly UnlockedKey[];
  /** Keys whose rows are not as they were written, and stay closed. */
  readonly refused: readonly Fingerprint[];
  /** What the keys are for. */
  readonly roles: KeyRoles;

  /** Takes the keys over. */
  constructor(
    keys: readonly UnlockedKey[],
    active: Fingerprint | undefined,
    refused: readonly Fingerprint[],
    roles: KeyRoles = {},
  ) {
    this.active = keys.find((key) => key.fingerprint === active);
    const others = keys.filter((key) => key !== this.active);
    this.all = this.active === undefined ? others : [this.active, ...others];
    this.refused = refused;
    this.roles = roles;
  }

  /** For an account whose keys stay closed. */
  static none(): UnlockedKeys {
    return new UnlockedKeys([], undefined, []);
  }

  /** The key that signs for one of the user's addresses. */
  for(address: EmailAddress): UnlockedKey | undefined {
    const { byAddress } = this.roles;
    if (byAddress === undefined) return this.active;
    return this.#find(byAddress.get(canonicalAddress(address)));
  }

  /** The key that mail at rest is encrypted to: one of its own, or the active one. */
  get mailbox(): UnlockedKey | undefined {
    return this.#find(this.roles.mailbox) ?? this.active;
  }

  /** The change of the account at which they were opened, where that is known. */
  get generation(): number | undefined {
    return this.roles.generation;
  }

  /** A copy for work that goes on after these keys are wiped; its taker disposes it. */
  clone(): UnlockedKeys {
    const copies = this.all.map((key) => new UnlockedKey(key.certificate, key.secretBytes()));
    return new UnlockedKeys(copies, this.active?.fingerprint, this.refused, this.roles);
  }

  #find(fingerprint: Fingerprint | undefined): UnlockedKey | undefined {
    return fingerprint === undefined
      ? undefined
      : this.all.find((key) => key.fingerprint === fingerprint);
  }

  [Symbol.dispose](): void {
    for (const key of this.all) key[Symbol.dispose]();
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}
