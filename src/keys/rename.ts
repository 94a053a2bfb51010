import { appendAudit } from "../journal/journal.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { insertAlias, listAliases, makePrimary } from "../store/accounts/addresses.ts";
import { Conflict } from "../vault/conflict.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";
import { takeAddress, type AddressRefusal } from "./claim-address.ts";
import { changeKeys, type AccountRefusal } from "./keys.ts";
import { refuse } from "./unless-refused.ts";
import { upkeep } from "./upkeep.ts";

/** What came of giving an account another name. */
export type Renaming = { readonly kind: "renamed" } | AddressRefusal | AccountRefusal;

/**
 * Gives an account another primary address: a new one, or one of its aliases. The former one stays as an alias with its
 * certificate, so that mail for it arrives and opens. A new address gets a certificate of its own: at once when the master
 * key is open, else at the next login.
 */
export async function renameAccount(
  deps: VaultDeps,
  rules: KeyRules,
  account: AccountId,
  to: EmailAddress,
  masterKey: MasterKey | undefined,
): Promise<Renaming> {
  const done = await changeKeys<Renaming, AddressRefusal>(deps.store, account, async (tx) => {
    const at = deps.clock.now();
    await appendAudit(tx, { at, action: "account.renamed", account });
    const aliases = await listAliases(tx, account);
    if (!aliases.some(({ address }) => sameAddress(address, to))) {
      const refusal = await takeAddress(tx, to, at, account);
      if (refusal !== undefined) return refuse(refusal);
      if (!(await insertAlias(tx, account, { address: to, createdAt: at }))) throw new Conflict();
    }
    await makePrimary(tx, { address: to, account });
    return { kind: "renamed" };
  });
  if (done.kind === "renamed" && masterKey !== undefined) await upkeep(deps, rules, masterKey);
  return done;
}
