import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { Store } from "../store/store.ts";

/** What the vault works with; `serviceKey` is the service root key. */
export type VaultDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly serviceKey: Secret;
};
