import type { Secret } from "../base/secret.ts";
import { deleteSlots, insertSlot, type SlotRow } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { raiseGeneration } from "../vault/generation.ts";
import { makeLogin, newSalt } from "../vault/login-verifier.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { newRecoveryCode, type RecoveryCode } from "../vault/recovery-code.ts";
import { passwordSlot, recoverySlot } from "../vault/slots.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { changeKeys, requireUnchanged, type AccountRefusal } from "./keys.ts";

/** What changes together with a password slot. */
export type PasswordChange = {
  readonly password: Secret | TypedPassword;
  readonly withRecoveryCode?: boolean;
  /** The name of the event in the audit log. */
  readonly action: string;
};

/** What came of setting another password. */
export type NewPassword =
  | {
      readonly kind: "changed";
      /** Where one was wished for; the caller disposes its secret. */
      readonly recoveryCode: RecoveryCode | undefined;
    }
  | AccountRefusal;

/** What came of making a recovery code. */
export type NewRecoveryCode =
  | { readonly kind: "made"; readonly recoveryCode: RecoveryCode }
  | AccountRefusal;

/** What came of ending a recovery code; `none`: there was none. */
export type RecoveryCodeEnd =
  | { readonly kind: "removed" }
  | { readonly kind: "none" }
  | AccountRefusal;

/**
 * Another password for an open master key: its slot and the login change in one moment, and nothing else. After an
 * interruption exactly one password works.
 * @throws Conflict when anything that opens the account was changed since the master key was opened.
 */
export async function changePassword(
  deps: VaultDeps,
  masterKey: MasterKey,
  change: PasswordChange,
): Promise<NewPassword> {
  const { owner, generation } = masterKey;
  const { serviceKeys } = deps;
  const typed = TypedPassword.of(change.password);
  const now = deps.clock.now();
  const salt = newSalt();
  const time = { now, generation: generation + 1 };
  const login = await makeLogin(serviceKeys, { owner, generation: time.generation }, typed, salt);
  const slot = await passwordSlot({ owner, serviceKeys }, masterKey, typed, salt, time);
  const code = change.withRecoveryCode === true ? newRecoveryCode() : undefined;
  const done = await changeKeys(deps.store, owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    await deleteSlots(tx, masterKey.id, "password");
    await insertSlot(tx, slot);
    const added = [slot];
    if (code !== undefined) added.push(await replaceRecoverySlot(tx, deps, masterKey, code));
    const { action } = change;
    const raise = { owner, at: now, action, added, login, from: generation };
    return { kind: "changed", generation: await raiseGeneration(deps, tx, raise) } as const;
  });
  if (done.kind === "changed") {
    masterKey.generation = done.generation;
    return { kind: "changed", recoveryCode: code };
  }
  code?.secret[Symbol.dispose]();
  return done;
}

/** A new recovery code in place of the one before, which opens nothing any more. */
export async function renewRecoveryCode(
  deps: VaultDeps,
  masterKey: MasterKey,
): Promise<NewRecoveryCode> {
  const code = newRecoveryCode();
  const done = await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    const added = [await replaceRecoverySlot(tx, deps, masterKey, code)];
    const change = { action: "recovery-code.made", added };
    const generation = await raiseRecovery(deps, tx, masterKey, change);
    return { kind: "made", generation } as const;
  });
  if (done.kind === "made") {
    masterKey.generation = done.generation;
    return { kind: "made", recoveryCode: code };
  }
  code.secret[Symbol.dispose]();
  return done;
}

/** Ends the recovery code for good. */
export async function removeRecoveryCode(
  deps: VaultDeps,
  masterKey: MasterKey,
): Promise<RecoveryCodeEnd> {
  const done = await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    const removed = await deleteSlots(tx, masterKey.id, "recovery");
    if (removed === 0) return { kind: "none" } as const;
    const change = { action: "recovery-code.removed" };
    const generation = await raiseRecovery(deps, tx, masterKey, change);
    return { kind: "removed", generation } as const;
  });
  if (done.kind !== "removed") return done;
  masterKey.generation = done.generation;
  return { kind: "removed" };
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
