import type { Secret } from "../base/secret.ts";
import type { Store } from "../store/store.ts";
import { deleteSlots, insertSlot, type SlotRow } from "../store/keys/vault.ts";
import { changeKeys, requireUnchanged } from "./keys.ts";
import { raiseGeneration } from "../vault/generation.ts";
import { makeLogin, newSalt } from "../vault/login-verifier.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { newRecoveryCode, type RecoveryCode } from "../vault/recovery-code.ts";
import { passwordSlot, recoverySlot } from "../vault/slots.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";

/** What changes together with a password slot. */
export type PasswordChange = {
  readonly password: Secret | TypedPassword;
  readonly withRecoveryCode?: boolean;
  /** The name of the event in the audit log. */
  readonly action: string;
};

/**
 * Another password for an open master key: its slot and the login change in one moment, and nothing else. After an
 * interruption exactly one password works.
 * @throws Overtaken when anything that opens the account was changed since the master key was opened.
 */
export async function changePassword(
  deps: VaultDeps,
  masterKey: MasterKey,
  change: PasswordChange,
): Promise<RecoveryCode | undefined> {
  const { owner, generation } = masterKey;
  const { serviceKeys } = deps;
  const typed = TypedPassword.of(change.password);
  const now = deps.clock.now();
  const salt = newSalt();
  const time = { now, generation: generation + 1 };
  const login = await makeLogin(serviceKeys, { owner, generation: time.generation }, typed, salt);
  const slot = await passwordSlot({ owner, serviceKeys }, masterKey, typed, salt, time);
  const code = change.withRecoveryCode === true ? newRecoveryCode() : undefined;
  masterKey.generation = await changeKeys(deps.store, owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    await deleteSlots(tx, masterKey.id, "password");
    await insertSlot(tx, slot);
    const added = [slot];
    if (code !== undefined) added.push(await replaceRecoverySlot(tx, deps, masterKey, code));
    const { action } = change;
    return raiseGeneration(deps, tx, { owner, at: now, action, added, login, from: generation });
  });
  return code;
}

/** A new recovery code in place of the one before, which opens nothing any more. */
export async function renewRecoveryCode(
  deps: VaultDeps,
  masterKey: MasterKey,
): Promise<RecoveryCode> {
  const code = newRecoveryCode();
  masterKey.generation = await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    const added = [await replaceRecoverySlot(tx, deps, masterKey, code)];
    return raiseRecovery(deps, tx, masterKey, { action: "recovery-code.made", added });
  });
  return code;
}

/** Ends the recovery code for good; false when there is none. */
export async function removeRecoveryCode(deps: VaultDeps, masterKey: MasterKey): Promise<boolean> {
  const raised = await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    const removed = await deleteSlots(tx, masterKey.id, "recovery");
    if (removed === 0) return undefined;
    return raiseRecovery(deps, tx, masterKey, { action: "recovery-code.removed" });
  });
  if (raised !== undefined) masterKey.generation = raised;
  return raised !== undefined;
}

async function replaceRecoverySlot(
  tx: Store,
  deps: VaultDeps,
  masterKey: MasterKey,
  code: RecoveryCode,
): Promise<SlotRow> {
  const who = { owner: masterKey.owner, serviceKeys: deps.serviceKeys };
  await deleteSlots(tx, masterKey.id, "recovery");
  const time = { now: deps.clock.now(), generation: masterKey.generation + 1 };
  const slot = recoverySlot(who, masterKey, code.secret, time);
  await insertSlot(tx, slot);
  return slot;
}

async function raiseRecovery(
  deps: VaultDeps,
  tx: Store,
  { owner, generation }: MasterKey,
  change: { readonly action: string; readonly added?: readonly SlotRow[] },
): Promise<number> {
  return raiseGeneration(deps, tx, { owner, at: deps.clock.now(), from: generation, ...change });
}
