import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { KeyId } from "../openpgp/fingerprint.ts";
import { findById } from "../store/certificates.ts";
import { deleteMasterKey, listMasterKeys, selectSecretKeys } from "../store/vault.ts";
import { changeKeys, requireCurrent } from "./change.ts";
import { openWithPassword, openWithRecoveryCode, type MasterKey } from "./master-key.ts";
import { moveKeys } from "./renew.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** What somebody remembers of the time before his reset. */
export type FormerProof =
  | { readonly kind: "password"; readonly password: Secret }
  | { readonly kind: "recovery-code"; readonly code: Secret };

/** Whether one of these keys is parked in an account. */
export async function isParked(
  { store }: Pick<VaultDeps, "store">,
  owner: EmailAddress,
  keyIds: readonly KeyId[],
): Promise<boolean> {
  const parked = new Set<string>();
  for (const id of await listMasterKeys(store, owner, "former")) {
    for (const { fingerprint } of await selectSecretKeys(store, id)) parked.add(fingerprint);
  }
  if (parked.size === 0) return false;
  const found = await Promise.all(keyIds.map(async (id) => findById(store, id)));
  return found.flat().some(({ fingerprint }) => parked.has(fingerprint));
}

/**
 * Opens keys that were parked by a reset, with the password or recovery code of then, and keeps them under the user's
 * present master key: old mail opens again. They stay revoked. False when it opens none.
 */
export async function reclaimFormerKeys(
  deps: VaultDeps,
  masterKey: MasterKey,
  proof: FormerProof,
): Promise<boolean> {
  const { owner } = masterKey;
  using former =
    proof.kind === "password"
      ? await openWithPassword(deps, owner, proof.password, "former")
      : await openWithRecoveryCode(deps, owner, proof.code, "former");
  if (former === undefined) return false;
  await changeKeys(deps.store, owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    if (await moveKeys(tx, former, masterKey)) await deleteMasterKey(tx, former.id);
    await appendAudit(tx, { at: deps.clock.now(), action: "former-keys.opened", account: owner });
  });
  return true;
}
