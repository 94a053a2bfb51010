/**
 * The ways back to an account, and what each leaves of its keys. A way is a password that is known, a recovery code, the
 * organisation's escrow, the provider's own access, or nothing at all.
 */
import type { Secret } from "../base/secret.ts";
import { changeKeys, untilNoConflict, type AccountRefusal } from "../keys/keys.ts";
import { changePassword } from "../keys/password.ts";
import type { Renewal } from "../keys/renewal.ts";
import { renewMasterKey } from "../keys/replace-master-key.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { generationNow } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import { openWithEscrow } from "../vault/escrow.ts";
import { raiseGeneration } from "../vault/generation.ts";
import { hasKeysHere } from "../vault/key-access.ts";
import { makeLogin, newSalt } from "../vault/login-verifier.ts";
import {
  openWithPassword,
  openWithRecoveryCode,
  openWithService,
  type MasterKey,
} from "../vault/master-key.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import { lastingCustody, type Account, type AccountId } from "../words/account.ts";
import type { LoginDeps } from "./login-deps.ts";

/** A new password holds. The keys are `kept`, or `new` ones with the old ones revoked and parked. */
export type Recovered = {
  readonly kind: "recovered";
  readonly keys: "kept" | "new" | "none";
  /** Shown once. */
  readonly recoveryCode: string | undefined;
};

/** What came of setting a new password in place of one that is known. */
export type PasswordReplacement =
  | { readonly kind: "replaced" }
  | { readonly kind: "opens-no-key" }
  | AccountRefusal;

/** What came of a recovery with a code or with escrow. */
export type Recovery =
  | Recovered
  /** The code opens no key of the account. */
  | { readonly kind: "wrong-recovery-code" }
  /** What was handed in is not the escrow of the keys in use. */
  | { readonly kind: "wrong-escrow" }
  | AccountRefusal;

/** What came of a reset. */
export type Reset = Recovered | Exclude<Renewal, { readonly kind: "renewed" }>;

/** A new password in place of the one that is known; nothing else changes. */
export async function replacePassword(
  deps: LoginDeps,
  owner: AccountId,
  old: Secret,
  password: Secret,
): Promise<PasswordReplacement> {
  using masterKey = await openWithPassword(deps, owner, old);
  if (masterKey === undefined) return { kind: "opens-no-key" };
  const done = await changePassword(deps, masterKey, { password, action: "password.changed" });
  return done.kind === "changed" ? { kind: "replaced" } : done;
}

/** A new password for whoever has the recovery code, which is used up: the answer has the next one. */
export async function recoverWithCode(
  deps: LoginDeps,
  owner: AccountId,
  code: Secret,
  password: Secret,
): Promise<Recovery> {
  using masterKey = await openWithRecoveryCode(deps, owner, code);
  if (masterKey === undefined) return { kind: "wrong-recovery-code" };
  return await keepKeys(deps, masterKey, password, "account.recovered", true);
}

/** A new password by what the organisation's escrow key decrypted (`escrowMessages`). */
export async function recoverWithEscrow(
  deps: LoginDeps,
  owner: AccountId,
  decrypted: Secret,
  password: Secret,
): Promise<Recovery> {
  using masterKey = await openWithEscrow(deps, owner, decrypted);
  if (masterKey === undefined) return { kind: "wrong-escrow" };
  return await keepKeys(deps, masterKey, password, "escrow.used", false);
}

/**
 * A new password by the operator's word. Keys that the provider may use stay; others cannot be opened any more: they are
 * revoked with their generic revocations and parked, and new ones are made.
 */
export async function resetPassword(
  deps: LoginDeps,
  owner: AccountId,
  password: Secret,
): Promise<Reset> {
  const account = (await readAccount(deps.store, owner))?.account;
  if (account === undefined) return { kind: "no-account" };
  using masterKey = await openWithService(deps, owner, ["service"]);
  if (masterKey !== undefined) {
    return await keepKeys(deps, masterKey, password, "account.reset", false);
  }
  if (!(await hasKeysHere(deps.store, owner))) {
    return await resetLogin(deps, account, password);
  }
  return await newKeys(deps, account, password);
}

async function keepKeys(
  deps: LoginDeps,
  masterKey: MasterKey,
  password: Secret,
  action: string,
  withRecoveryCode: boolean,
): Promise<Recovered | AccountRefusal> {
  const done = await changePassword(deps, masterKey, { password, action, withRecoveryCode });
  if (done.kind !== "changed") return done;
  using _secret = done.recoveryCode?.secret;
  return { kind: "recovered", keys: "kept", recoveryCode: done.recoveryCode?.text };
}

/** An account without keys here: the first login makes them, or the user's device has them. */
async function resetLogin(
  deps: LoginDeps,
  { id: owner }: Account,
  password: Secret,
): Promise<Recovered | AccountRefusal> {
  const { store, clock, serviceKeys } = deps;
  return untilNoConflict(async () => {
    const from = await generationNow(store, owner);
    const of = { owner, generation: from + 1 };
    using typed = new TypedPassword(password);
    const login = await makeLogin(serviceKeys, of, typed, newSalt());
    return await changeKeys<Recovered>(
      store,
      owner,
      async (tx) => {
        if ((await generationNow(tx, owner)) !== from) throw new Conflict();
        const at = clock.now();
        await raiseGeneration(deps, tx, { owner, at, action: "account.reset", login, from });
        return { kind: "recovered", keys: "none", recoveryCode: undefined };
      },
      "any",
    );
  });
}

async function newKeys(
  deps: LoginDeps,
  { id: owner, custody }: Account,
  password: Secret,
): Promise<Reset> {
  using provisional = await openWithService(deps, owner, ["provisional"]);
  const isProvisional = provisional !== undefined;
  const renewed = await renewMasterKey(deps, {
    ...deps.keyRules,
    owner,
    why: isProvisional ? "first-password" : "reset",
    from: isProvisional ? { kind: "open", masterKey: provisional } : { kind: "closed" },
    custody: isProvisional ? "unlocks-at-login" : lastingCustody(custody),
    password,
    withRecoveryCode: true,
    deviceKeys: "kept",
    providerUntil: isProvisional ? deps.clock.now() : undefined,
  });
  if (renewed.kind !== "renewed") return renewed;
  using _secret = renewed.recoveryCode?.secret;
  return { kind: "recovered", keys: "new", recoveryCode: renewed.recoveryCode?.text };
}
