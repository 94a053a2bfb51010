import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import type { EmailAddress } from "../mail/address.ts";
import { updateAccount, type LoginHash } from "../store/accounts.ts";
import { deleteSlots, insertSlot, selectSlots } from "../store/vault.ts";
import type { Store } from "../store/store.ts";
import { changeKeys, requireCurrent } from "./change.ts";
import type { MasterKey } from "./master-key.ts";
import { newRecoveryCode, type RecoveryCode } from "./recovery-code.ts";
import { passwordSlot, recoverySlot } from "./slots.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** What changes together with a password slot. */
export type PasswordChange = {
  readonly password: Secret;
  /** The login hash of the same password, made with a salt of its own. */
  readonly login: LoginHash;
  readonly withRecoveryCode?: boolean;
  /** The name of the event in the audit log. */
  readonly action: string;
};

/**
 * Another password for an open master key: its slot and the login hash change in one moment, and nothing else. After an
 * interruption exactly one password works.
 */
export async function changePassword(
  deps: VaultDeps,
  masterKey: MasterKey,
  change: PasswordChange,
): Promise<RecoveryCode | undefined> {
  const { owner } = masterKey;
  const who = { owner, serviceKeys: deps.serviceKeys };
  const now = deps.clock.now();
  const slot = await passwordSlot(who, masterKey, change.password, now);
  const code = change.withRecoveryCode === true ? newRecoveryCode() : undefined;
  await changeKeys(deps.store, owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    await deleteSlots(tx, masterKey.id, "password");
    await insertSlot(tx, slot);
    if (code !== undefined) await replaceRecoverySlot(tx, deps, masterKey, code);
    await updateAccount(tx, owner, { login: change.login });
    await appendAudit(tx, { at: now, action: change.action, account: owner });
  });
  return code;
}

/** Makes the password slot anew when a former service key took part in it. The password is the one that opened it. */
export async function refreshPasswordSlot(
  deps: VaultDeps,
  masterKey: MasterKey,
  password: Secret,
): Promise<void> {
  const slots = await selectSlots(deps.store, masterKey.id, "password");
  const { id } = deps.serviceKeys.current;
  if (slots.every(({ serviceKey }) => serviceKey === id)) return;
  await keepPasswordSlot(deps, masterKey, password, "password.rewrapped");
}

/** A slot for a password that the login system verified, where the keys are open without it. */
export async function keepPasswordSlot(
  deps: VaultDeps,
  masterKey: MasterKey,
  password: Secret,
  action = "password.followed",
): Promise<void> {
  const { owner } = masterKey;
  const now = deps.clock.now();
  const slot = await passwordSlot(
    { owner, serviceKeys: deps.serviceKeys },
    masterKey,
    password,
    now,
  );
  await changeKeys(deps.store, owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    await deleteSlots(tx, masterKey.id, "password");
    await insertSlot(tx, slot);
    await appendAudit(tx, { at: now, action, account: owner });
  });
}

/** A new recovery code in place of the one before, which opens nothing any more. */
export async function renewRecoveryCode(
  deps: VaultDeps,
  masterKey: MasterKey,
): Promise<RecoveryCode> {
  const code = newRecoveryCode();
  await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    await replaceRecoverySlot(tx, deps, masterKey, code);
    await auditRecovery(deps, tx, masterKey.owner, "recovery-code.made");
  });
  return code;
}

/** Ends the recovery code for good; false when there is none. */
export async function removeRecoveryCode(deps: VaultDeps, masterKey: MasterKey): Promise<boolean> {
  return changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    const removed = await deleteSlots(tx, masterKey.id, "recovery");
    if (removed > 0) await auditRecovery(deps, tx, masterKey.owner, "recovery-code.removed");
    return removed > 0;
  });
}

async function replaceRecoverySlot(
  tx: Store,
  deps: VaultDeps,
  masterKey: MasterKey,
  code: RecoveryCode,
): Promise<void> {
  const who = { owner: masterKey.owner, serviceKeys: deps.serviceKeys };
  await deleteSlots(tx, masterKey.id, "recovery");
  await insertSlot(tx, recoverySlot(who, masterKey, code.secret, deps.clock.now()));
}

async function auditRecovery(
  deps: VaultDeps,
  tx: Store,
  account: EmailAddress,
  action: string,
): Promise<void> {
  await appendAudit(tx, { at: deps.clock.now(), action, account });
}
