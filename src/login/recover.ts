/**
 * The ways back to an account, and what each leaves of its keys (a password that is known, a recovery code, the
 * organisation's escrow, the provider's own access, or nothing at all).
 */
import { readAccount } from "../store/accounts/accounts.ts";
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { generationNow } from "../vault/binding.ts";
import { changeKeys, untilNotOvertaken } from "../keys/keys.ts";
import { openWithEscrow } from "../vault/escrow.ts";
import {
  openWithPassword,
  openWithRecoveryCode,
  openWithService,
  type MasterKey,
} from "../vault/master-key.ts";
import { raiseGeneration } from "../vault/generation.ts";
import { hasKeysHere } from "../vault/key-access.ts";
import { makeLogin, newSalt } from "../vault/login-verifier.ts";
import { Overtaken } from "../vault/conflict.ts";
import { changePassword } from "../keys/password.ts";
import { renewMasterKey } from "../keys/replace-master-key.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { LoginDeps } from "./login-deps.ts";
import type { Account, AccountId } from "../words/account.ts";

/** What became of the keys: `kept`, or `new` ones with the old ones revoked and parked. */
export type Recovered = {
  readonly keys: "kept" | "new" | "none";
  /** Shown once. */
  readonly recoveryCode: string | undefined;
};

/** A new password in place of the one that is known; nothing else changes. False when the old one is wrong. */
export async function replacePassword(
  deps: LoginDeps,
  owner: AccountId,
  old: Secret,
  password: Secret,
): Promise<boolean> {
  using masterKey = await openWithPassword(deps, owner, old);
  if (masterKey === undefined) return false;
  await changePassword(deps, masterKey, { password, action: "password.changed" });
  return true;
}

/** A new password for whoever has the recovery code, which is used up: the answer has the next one. */
export async function recoverWithCode(
  deps: LoginDeps,
  owner: AccountId,
  code: Secret,
  password: Secret,
): Promise<Recovered | undefined> {
  using masterKey = await openWithRecoveryCode(deps, owner, code);
  if (masterKey === undefined) return undefined;
  return await keepKeys(deps, masterKey, password, "account.recovered", true);
}

/** A new password by what the organisation's escrow key decrypted (`escrowMessages`). */
export async function recoverWithEscrow(
  deps: LoginDeps,
  owner: AccountId,
  decrypted: Secret,
  password: Secret,
): Promise<Recovered | undefined> {
  using masterKey = await openWithEscrow(deps, owner, decrypted);
  if (masterKey === undefined) return undefined;
  return await keepKeys(deps, masterKey, password, "escrow.used", false);
}

/**
 * A new password by the operator's word. Keys that the provider may use stay; others cannot be opened any more: they are
 * revoked with their generic revocations and parked, and new ones are made.
 * @throws AppError when there is no such account.
 */
export async function resetPassword(
  deps: LoginDeps,
  owner: AccountId,
  password: Secret,
): Promise<Recovered> {
  const account = (await readAccount(deps.store, owner))?.account;
  if (account === undefined) throw new AppError("there is no such account", { temporary: false });
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
): Promise<Recovered> {
  const code = await changePassword(deps, masterKey, { password, action, withRecoveryCode });
  using secret = code?.secret;
  return { keys: "kept", recoveryCode: secret === undefined ? undefined : code?.text };
}

/** An account without keys here: the first login makes them, or the user's device has them. */
async function resetLogin(
  deps: LoginDeps,
  { id: owner }: Account,
  password: Secret,
): Promise<Recovered> {
  const { store, clock, serviceKeys } = deps;
  await untilNotOvertaken(async () => {
    const from = await generationNow(store, owner);
    const of = { owner, generation: from + 1 };
    using typed = new TypedPassword(password);
    const login = await makeLogin(serviceKeys, of, typed, newSalt());
    await changeKeys(
      store,
      owner,
      async (tx) => {
        if ((await generationNow(tx, owner)) !== from) throw new Overtaken();
        const at = clock.now();
        await raiseGeneration(deps, tx, { owner, at, action: "account.reset", login, from });
      },
      "any",
    );
  });
  return { keys: "none", recoveryCode: undefined };
}

async function newKeys(
  deps: LoginDeps,
  { id: owner, custody }: Account,
  password: Secret,
): Promise<Recovered> {
  using provisional = await openWithService(deps, owner, ["provisional"]);
  const isProvisional = provisional !== undefined;
  const { recoveryCode } = await renewMasterKey(deps, {
    ...deps.keyRules,
    owner,
    from: provisional,
    custody: isProvisional ? "unlocks-at-login" : custody,
    password,
    withRecoveryCode: true,
    reason: isProvisional ? "superseded" : "withdrawn",
    text: isProvisional ? "first password" : "reset",
    setsLogin: true,
    ...(isProvisional ? { account: { providerUntil: deps.clock.now() } } : {}),
    action: "account.reset",
  });
  using _secret = recoveryCode?.secret;
  return { keys: "new", recoveryCode: recoveryCode?.text };
}
