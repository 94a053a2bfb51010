import { addAccount, hashPassword, type Account, type NewAccount } from "../accounts/embedded.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import { prepareKeys, saveKeys, type NewKeys, type PreparedKeys } from "../keys/create.ts";
import type { VaultDeps } from "../keys/vault.ts";

/**
 * Adds an account together with its key, or neither. With custody `user-device-only` there is no certificate yet.
 * @throws AppError when there is an account with this address.
 */
export async function enrol(
  deps: VaultDeps,
  wanted: NewAccount & { readonly password: Secret; readonly profile: NewKeys["profile"] },
): Promise<{
  readonly account: Account;
  readonly certificate: PreparedKeys["certificate"] | undefined;
}> {
  const { address, custody, policy, password, profile } = wanted;
  const login = await hashPassword(password);
  const keys =
    custody === "user-device-only"
      ? undefined
      : await prepareKeys(deps, { address, custody, password, profile });
  const account = await deps.store.transaction(async (store) => {
    const added = await addAccount(
      { store, clock: deps.clock },
      { address, custody, policy },
      login,
    );
    const detail = { custody };
    await appendAudit(store, {
      at: added.createdAt,
      action: "account.added",
      account: address,
      detail,
    });
    if (keys !== undefined) await saveKeys(store, keys);
    return added;
  });
  return { account, certificate: keys?.certificate };
}
