/** Opens an account's keys for one command, and says what keeps them closed. */
import type { Secret } from "../base/secret.ts";
import { findMasterKey } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { openWithPassword, type MasterKey } from "./master-key.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** Whether an account has keys here; those on its owner's device are not. */
export async function hasKeysHere(store: Store, owner: AccountId): Promise<boolean> {
  return (await findMasterKey(store, owner)) !== undefined;
}

/** What a password came to. */
export type KeyAccess =
  | { readonly kind: "opened"; readonly masterKey: MasterKey }
  /** There are keys here, and the password opens none. */
  | { readonly kind: "opens-no-key" }
  /** There are no keys here to open. */
  | { readonly kind: "no-key-here" };

/** Opens the master key in use with a password; the caller disposes it. */
export async function openByPassword(
  deps: VaultDeps,
  owner: AccountId,
  password: Secret,
): Promise<KeyAccess> {
  const masterKey = await openWithPassword(deps, owner, password);
  if (masterKey !== undefined) return { kind: "opened", masterKey };
  return { kind: (await hasKeysHere(deps.store, owner)) ? "opens-no-key" : "no-key-here" };
}
