import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/journal.ts";
import type { KeyId } from "../openpgp/packets/fingerprint.ts";
import { findById } from "../store/keys/certificates.ts";
import { deleteMasterKey, listMasterKeys, selectSecretKeys } from "../store/keys/vault.ts";
import { openWithEscrow } from "../vault/escrow.ts";
import { openWithPassword, openWithRecoveryCode, type MasterKey } from "../vault/master-key.ts";
import { readRecoveryCode } from "../vault/recovery-code.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";
import { changeKeys, requireCurrent, type AccountRefusal } from "./keys.ts";
import { moveKeys } from "./replace-master-key.ts";

/** What a user remembers from before a reset, or what the organisation decrypted the escrow message of those keys to. */
export type FormerProof =
  | { readonly kind: "password"; readonly password: Secret }
  | { readonly kind: "recovery-code"; readonly code: Secret }
  | { readonly kind: "escrow"; readonly decrypted: Secret };

/** What came of opening parked keys. */
export type Reclaim =
  | { readonly kind: "reclaimed" }
  | { readonly kind: "opens-no-parked-key"; readonly by: FormerProof["kind"] }
  | AccountRefusal;

/** Whether one of these keys is parked in an account. */
export async function isParked(
  { store }: Pick<VaultDeps, "store">,
  owner: AccountId,
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
 * Opens keys that a reset parked, with their former password, recovery code or escrow, and keeps them under the user's
 * current master key: old mail opens again. They stay revoked.
 */
export async function reclaimFormerKeys(
  deps: VaultDeps,
  masterKey: MasterKey,
  proof: FormerProof,
): Promise<Reclaim> {
  const { owner } = masterKey;
  using former = await openFormer(deps, owner, proof);
  if (former === undefined) return { kind: "opens-no-parked-key", by: proof.kind };
  return await changeKeys(deps.store, owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    if (await moveKeys(tx, former, masterKey)) await deleteMasterKey(tx, former.id);
    const at = deps.clock.now();
    const detail = { by: proof.kind };
    if (proof.kind === "escrow") {
      await appendAudit(tx, {
        at,
        action: "escrow.used",
        account: owner,
        detail: { former: true },
      });
    }
    await appendAudit(tx, { at, action: "former-keys.opened", account: owner, detail });
    return { kind: "reclaimed" };
  });
}

/** As `reclaimFormerKeys`, with a line that is the former password or, if it reads as one, the former recovery code. */
export async function reclaimRemembered(
  deps: VaultDeps,
  masterKey: MasterKey,
  line: Secret,
): Promise<Reclaim> {
  const byPassword = await reclaimFormerKeys(deps, masterKey, { kind: "password", password: line });
  if (byPassword.kind !== "opens-no-parked-key") return byPassword;
  const read = readRecoveryCode(Buffer.from(line.reveal()).toString("utf8"));
  if (read.kind !== "read") return byPassword;
  using code = read.secret;
  return await reclaimFormerKeys(deps, masterKey, { kind: "recovery-code", code });
}

async function openFormer(
  deps: VaultDeps,
  owner: AccountId,
  proof: FormerProof,
): Promise<MasterKey | undefined> {
  switch (proof.kind) {
    case "password":
      return openWithPassword(deps, owner, proof.password, "former");
    case "recovery-code":
      return openWithRecoveryCode(deps, owner, proof.code, "former");
    case "escrow":
      return openWithEscrow(deps, owner, proof.decrypted, "former");
  }
}
