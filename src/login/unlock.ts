/**
 * What a right password does to a user's keys. It opens them; and it is the moment for what only their owner can do:
 * first keys, the end of a provisional enrolment, keys of new aliases, and a longer life for keys that expire soon.
 */
import type { Account } from "../accounts/embedded.ts";
import type { Secret } from "../base/secret.ts";
import { Overtaken } from "../keys/change.ts";
import { createKeys } from "../keys/create.ts";
import {
  openAtFirstLogin,
  openWithPassword,
  openWithService,
  type MasterKey,
} from "../keys/master-key.ts";
import { openKeys } from "../keys/open-keys.ts";
import { keepPasswordSlot, refreshPasswordSlot } from "../keys/password.ts";
import { renewMasterKey } from "../keys/renew.ts";
import type { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { upkeep } from "../keys/upkeep.ts";
import { findMasterKey } from "../store/vault.ts";
import type { LoginDeps } from "./login.ts";

/** The keys that a verified password opens; undefined when they stay closed. */
export async function unlockAtLogin(
  deps: LoginDeps,
  account: Account,
  password: Secret,
): Promise<UnlockedKeys | undefined> {
  using masterKey = await masterKeyAtLogin(deps, account, password);
  if (masterKey === undefined) return undefined;
  try {
    await refreshPasswordSlot(deps, masterKey, password);
    await upkeep(deps, deps.keyRules, masterKey);
  } catch (error) {
    // It is tried again at the next login: nobody is kept out because of it.
    deps.failed?.(error);
  }
  return await openKeys(deps, masterKey);
}

async function masterKeyAtLogin(
  deps: LoginDeps,
  account: Account,
  password: Secret,
): Promise<MasterKey | undefined> {
  const { address, custody } = account;
  if ((await findMasterKey(deps.store, address)) === undefined) {
    if (custody === "user-device-only") return undefined;
    await createFirst(deps, account, password);
  }
  using provisional = await openAtFirstLogin(deps, address);
  if (provisional !== undefined) await endProvisional(deps, account, provisional, password);
  const opened = await openWithPassword(deps, address, password);
  if (opened !== undefined) return opened;
  // The password was changed elsewhere; where the provider may use the keys anyway, the new one gets its slot.
  const masterKey = await openWithService(deps, address, ["service"]);
  if (masterKey !== undefined) await keepPasswordSlot(deps, masterKey, password);
  return masterKey;
}

/** Somebody who logs in twice at once gets one key. */
async function createFirst(
  deps: LoginDeps,
  { address, custody }: Account,
  password: Secret,
): Promise<void> {
  try {
    await createKeys(deps, { ...deps.keyRules, address, custody, password });
  } catch (error) {
    if (!(error instanceof Overtaken)) throw error;
  }
}

/** From now on the provider alone opens nothing. Of two logins at once one does it, and both go on with its keys. */
async function endProvisional(
  deps: LoginDeps,
  { address }: Account,
  from: MasterKey,
  password: Secret,
): Promise<void> {
  try {
    await renewMasterKey(deps, {
      ...deps.keyRules,
      owner: address,
      from,
      custody: "unlocks-at-login",
      password,
      withRecoveryCode: false,
      reason: "superseded",
      text: "first login",
      account: { providerUntil: deps.clock.now() },
      action: "provisional.ended",
    });
  } catch (error) {
    if (!(error instanceof Overtaken)) throw error;
  }
}
