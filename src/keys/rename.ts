import { appendAudit } from "../journal/journal.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { insertAlias, listAliases, makePrimary } from "../store/accounts/addresses.ts";
import type { AccountId } from "../words/account.ts";
import { changeKeys } from "./keys.ts";
import { takeAddress } from "./claim-address.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { Overtaken } from "../vault/conflict.ts";
import { upkeep } from "./upkeep.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";

/**
 * Gives an account another primary address: a new one, or one of its aliases. The former one stays as an alias with its
 * certificate, so that mail for it arrives and opens. A new address gets a certificate of its own: at once when the master
 * key is open, else at the next login.
 * @throws AppError when the address is taken.
 */
export async function renameAccount(
  deps: VaultDeps,
  rules: KeyRules,
  account: AccountId,
  to: EmailAddress,
  masterKey: MasterKey | undefined,
): Promise<void> {
  await changeKeys(deps.store, account, async (tx) => {
    const at = deps.clock.now();
    await appendAudit(tx, { at, action: "account.renamed", account });
    const aliases = await listAliases(tx, account);
    if (!aliases.some(({ address }) => sameAddress(address, to))) {
      await takeAddress(tx, to, at, account);
      if (!(await insertAlias(tx, account, { address: to, createdAt: at }))) throw new Overtaken();
    }
    await makePrimary(tx, { address: to, account });
  });
  if (masterKey !== undefined) await upkeep(deps, rules, masterKey);
}
