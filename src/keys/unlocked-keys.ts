import { inspect } from "node:util";

import type { UnlockedKey } from "../openpgp/secret-key.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";

/** A user's keys while they are open; wiped together on dispose. */
export class UnlockedKeys implements Disposable {
  /** The key that signs and that others encrypt to; undefined when none is active. */
  readonly active: UnlockedKey | undefined;
  /** Every key that decrypts, the active one first. */
  readonly all: readonly UnlockedKey[];
  /** Keys whose rows are not as they were written, and stay closed. */
  readonly refused: readonly Fingerprint[];

  /** Takes the keys over. */
  constructor(
    keys: readonly UnlockedKey[],
    active: Fingerprint | undefined,
    refused: readonly Fingerprint[],
  ) {
    this.active = keys.find((key) => key.fingerprint === active);
    const others = keys.filter((key) => key !== this.active);
    this.all = this.active === undefined ? others : [this.active, ...others];
    this.refused = refused;
  }

  /** For an account whose keys stay closed. */
  static none(): UnlockedKeys {
    return new UnlockedKeys([], undefined, []);
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
