import { listAccountsWithoutKeys } from "../store/accounts/accounts.ts";
import { Conflict } from "../vault/conflict.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { createKeys } from "./create.ts";

/**
 * Makes keys for accounts that have none, before their first login, at most `limit`; says for how many. Until that login
 * the provider can use such a key; the account says so.
 */
export async function backfill(deps: VaultDeps, rules: KeyRules, limit: number): Promise<number> {
  let made = 0;
  for (const { id: owner, address, custody } of await listAccountsWithoutKeys(deps.store, limit)) {
    try {
      const wanted = { ...rules, owner, address, custody, password: undefined };
      // An account that was closed or erased meanwhile needs none.
      if ((await createKeys(deps, wanted)).kind === "created") made += 1;
    } catch (error) {
      // Somebody logged in meanwhile and has a key.
      if (!(error instanceof Conflict)) throw error;
    }
  }
  return made;
}
