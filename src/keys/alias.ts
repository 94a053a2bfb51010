import { AppError } from "../base/errors.ts";
import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import { insertAlias, readAddress, releaseAlias } from "../store/accounts/addresses.ts";
import { generationNow } from "../vault/binding.ts";
import { changeKeys } from "./keys.ts";
import { endKey } from "./revoke-active.ts";
import { takeAddress } from "./claim-address.ts";
import { raiseGeneration } from "../vault/generation.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { Overtaken } from "../vault/conflict.ts";
import { upkeep } from "./upkeep.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";

/**
 * Gives an account another address. The alias gets its own certificate, which does not reveal the account's other addresses:
 * at once when the master key is open, else at the next login.
 * @throws AppError when the address is taken, or another account released it less than thirty days ago.
 */
export async function addAlias(
  deps: VaultDeps,
  rules: KeyRules,
  owner: AccountId,
  alias: EmailAddress,
  masterKey: MasterKey | undefined,
): Promise<void> {
  await changeKeys(deps.store, owner, async (tx) => {
    const createdAt = deps.clock.now();
    await appendAudit(tx, { at: createdAt, action: "alias.added", account: owner });
    await takeAddress(tx, alias, createdAt, owner);
    if (!(await insertAlias(tx, owner, { address: alias, createdAt }))) throw new Overtaken();
  });
  if (masterKey !== undefined) await upkeep(deps, rules, masterKey);
}

/**
 * Takes an address away from an account: its key is revoked and still decrypts. Nobody else gets the address for thirty
 * days.
 * @throws AppError when it has no such alias.
 */
export async function removeAlias(
  deps: VaultDeps,
  owner: AccountId,
  alias: EmailAddress,
  masterKey: MasterKey | undefined,
): Promise<void> {
  await changeKeys(deps.store, owner, async (tx) => {
    const found = await readAddress(tx, alias);
    if (found?.state !== "alias" || found.account !== owner) {
      throw new AppError("the account has no such alias", { temporary: false });
    }
    const text = "address released";
    await endKey(deps, tx, { owner, address: alias, masterKey, reason: "retired", text });
    const now = deps.clock.now();
    await releaseAlias(tx, owner, alias, now);
    // A session that was opened before may not go on writing from it.
    const from = await generationNow(tx, owner);
    await raiseGeneration(deps, tx, { owner, at: now, action: "alias.removed", from });
    if (masterKey?.generation === from) masterKey.generation = from + 1;
  });
}
