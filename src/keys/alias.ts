import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import { insertAlias, readAddress, releaseAlias } from "../store/accounts/addresses.ts";
import { holdAuditEnd } from "../store/journal/audit-ends.ts";
import { generationNow } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import { raiseGeneration } from "../vault/generation.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";
import { takeAddress, type AddressRefusal } from "./claim-address.ts";
import { changeKeys, type AccountRefusal } from "./keys.ts";
import { endKey } from "./revoke-active.ts";
import { refuse } from "./unless-refused.ts";
import { upkeep } from "./upkeep.ts";

/** What came of adding an alias. */
export type NewAlias = { readonly kind: "added" } | AddressRefusal | AccountRefusal;

/** What came of taking an alias away. */
export type AliasRelease =
  | { readonly kind: "released" }
  | { readonly kind: "no-alias" }
  | AccountRefusal;

/**
 * Gives an account another address. The alias gets its own certificate, which does not reveal the account's other addresses:
 * at once when the master key is open, else at the next login.
 */
export async function addAlias(
  deps: VaultDeps,
  rules: KeyRules,
  owner: AccountId,
  alias: EmailAddress,
  masterKey: MasterKey | undefined,
): Promise<NewAlias> {
  const done = await changeKeys<NewAlias, AddressRefusal>(deps.store, owner, async (tx) => {
    const createdAt = deps.clock.now();
    await appendAudit(tx, { at: createdAt, action: "alias.added", account: owner });
    const refusal = await takeAddress(tx, alias, createdAt, owner);
    if (refusal !== undefined) return refuse(refusal);
    if (!(await insertAlias(tx, owner, { address: alias, createdAt }))) throw new Conflict();
    return { kind: "added" };
  });
  if (done.kind === "added" && masterKey !== undefined) await upkeep(deps, rules, masterKey);
  return done;
}

/**
 * Takes an address away from an account: its key is revoked and still decrypts. Nobody else gets the address for thirty
 * days.
 */
export async function removeAlias(
  deps: VaultDeps,
  owner: AccountId,
  alias: EmailAddress,
  masterKey: MasterKey | undefined,
): Promise<AliasRelease> {
  const done = await changeKeys(deps.store, owner, async (tx) => {
    const found = await readAddress(tx, alias);
    if (found?.state !== "alias" || found.account !== owner) return refuse({ kind: "no-alias" });
    // Before any row is written: whoever takes an address holds the end of a shard, and may wait for the row.
    await holdAuditEnd(tx, owner);
    const text = "address released";
    await endKey(deps, tx, { owner, address: alias, masterKey, reason: "retired", text });
    const now = deps.clock.now();
    await releaseAlias(tx, owner, alias, now);
    // A session that was opened before may not go on writing from it.
    const from = await generationNow(tx, owner);
    await raiseGeneration(deps, tx, { owner, at: now, action: "alias.removed", from });
    return { kind: "released", from } as const;
  });
  if (done.kind !== "released") return done;
  if (masterKey?.generation === done.from) masterKey.generation += 1;
  return { kind: "released" };
}
