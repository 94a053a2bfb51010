/**
 * What a right password does to a user's keys. It opens them; and it is the moment for what only their owner can do:
 * first keys, the end of a provisional enrolment, keys of new aliases, and a longer life for keys that expire soon.
 */
import { createKeys } from "../keys/create.ts";
import { changePassword } from "../keys/password.ts";
import { ReleasesStopped } from "../keys/releases.ts";
import type { Renewal } from "../keys/renewal.ts";
import { renewMasterKey } from "../keys/replace-master-key.ts";
import { mayNeedUpkeep, upkeep } from "../keys/upkeep.ts";
import { Conflict } from "../vault/conflict.ts";
import { hasKeysHere } from "../vault/key-access.ts";
import type { BoundAccount, Verified } from "../vault/login-verifier.ts";
import {
  openAsBound,
  openAtFirstLogin,
  openWithPassword,
  openWithService,
  type MasterKey,
} from "../vault/master-key.ts";
import { openKeys, publishedAddresses } from "../vault/open-keys.ts";
import type { TypedPassword } from "../vault/typed-password.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { Account } from "../words/account.ts";
import type { LoginDeps } from "./login-deps.ts";

/** What a verified password opens (`keys` are undefined when they stay closed), and at which change of the account. */
export type UnlockedAtLogin = {
  readonly keys: UnlockedKeys | undefined;
  readonly generation: number;
};

/** @throws Conflict when the account was changed since its password was verified: it may be another one by now. */
export async function unlockAtLogin(
  deps: LoginDeps,
  verified: Verified,
  password: TypedPassword,
): Promise<UnlockedAtLogin> {
  using masterKey = await masterKeyAtLogin(deps, verified, password);
  if (masterKey === undefined) return { keys: undefined, generation: verified.generation };
  return await openWithUpkeep(deps, masterKey);
}

/**
 * As `unlockAtLogin`, for a password that was right at the same generation before: nothing is left to be made or ended.
 * Undefined when the password alone does not open the keys.
 * @throws Conflict as `unlockAtLogin`. @throws OtherSalt when that takes an Argon2id.
 */
export async function unlockAgain(
  deps: LoginDeps,
  { account: { id: owner, custody }, generation, binding }: BoundAccount,
  password: TypedPassword,
): Promise<UnlockedAtLogin | undefined> {
  using masterKey = await openAsBound(deps, owner, password, binding);
  if (masterKey !== undefined) return await openWithUpkeep(deps, masterKey);
  const isOnDevice = custody === "user-device-only" && !(await hasKeysHere(deps.store, owner));
  return isOnDevice ? { keys: undefined, generation } : undefined;
}

async function openWithUpkeep(deps: LoginDeps, masterKey: MasterKey): Promise<UnlockedAtLogin> {
  const before = await publishedAddresses(deps.store, masterKey.owner);
  const isDue = mayNeedUpkeep(before, deps.clock.now());
  if (isDue) await tryUpkeep(deps, masterKey);
  const keys = await openKeys(deps, masterKey, isDue ? undefined : before);
  return { keys, generation: masterKey.generation };
}

/** @throws Conflict when the account was changed meanwhile. */
async function tryUpkeep(deps: LoginDeps, masterKey: MasterKey): Promise<void> {
  try {
    await upkeep(deps, deps.keyRules, masterKey);
  } catch (error) {
    if (error instanceof Conflict) throw error;
    // It is tried again at the next login: nobody is kept out because of it.
    deps.failed?.(error);
  }
}

async function masterKeyAtLogin(
  deps: LoginDeps,
  verified: Verified,
  password: TypedPassword,
): Promise<MasterKey | undefined> {
  const { account, generation } = verified;
  const { id: owner, custody } = account;
  if (!(await hasKeysHere(deps.store, owner))) {
    if (custody === "user-device-only") return undefined;
    await createFirst(deps, verified, password);
    return await openWithPassword(deps, owner, password);
  }
  using provisional = await openAtFirstLogin(deps, owner);
  if (provisional !== undefined) {
    if (provisional.generation !== generation) throw new Conflict();
    await endProvisional(deps, account, provisional, password);
    return await openWithPassword(deps, owner, password);
  }
  const opened = await openWithPassword(deps, owner, password);
  if (opened !== undefined) return asVerified(opened, generation);
  // The password was changed elsewhere; where the provider may use the keys anyway, the new one gets its slot.
  const masterKey = await openWithService(deps, owner, ["service"]);
  if (masterKey === undefined) return undefined;
  asVerified(masterKey, generation);
  const followed = await changePassword(deps, masterKey, { password, action: "password.followed" });
  if (followed.kind === "changed") return masterKey;
  masterKey[Symbol.dispose]();
  return lookAgain(followed);
}

/**
 * Where the account cannot be changed, it was closed or erased since its password was verified: it is verified again, and
 * refused as an account that does not exist.
 * @throws Conflict, or ReleasesStopped for the operator's log.
 */
function lookAgain(refusal: Exclude<Renewal, { readonly kind: "renewed" }>): never {
  if (refusal.kind === "releases-stopped") throw new ReleasesStopped(refusal.alarm);
  throw new Conflict();
}

/** @throws Conflict unless the master key was opened at the change at which the password was verified. */
function asVerified(masterKey: MasterKey, generation: number): MasterKey {
  if (masterKey.generation === generation) return masterKey;
  masterKey[Symbol.dispose]();
  throw new Conflict();
}

/** Somebody who logs in twice at once gets one key: whoever is second is verified again. */
async function createFirst(
  deps: LoginDeps,
  { account: { id: owner, address, custody }, login, generation }: Verified,
  password: TypedPassword,
): Promise<void> {
  const { salt } = login;
  const wanted = { ...deps.keyRules, owner, address, custody, password, generation, salt };
  const created = await createKeys(deps, wanted);
  if (created.kind !== "created") lookAgain(created);
}

/** From now on the provider alone opens nothing. Of two logins at once one does it. */
async function endProvisional(
  deps: LoginDeps,
  { id: owner }: Account,
  from: MasterKey,
  password: TypedPassword,
): Promise<void> {
  const renewed = await renewMasterKey(deps, {
    ...deps.keyRules,
    owner,
    why: "first-login",
    from: { kind: "open", masterKey: from },
    custody: "unlocks-at-login",
    password,
    withRecoveryCode: false,
    deviceKeys: "kept",
    providerUntil: deps.clock.now(),
  });
  if (renewed.kind !== "renewed") lookAgain(renewed);
}
