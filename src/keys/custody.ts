import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import { insertSlot } from "../store/keys/vault.ts";
import { changeKeys, requireUnchanged } from "./keys.ts";
import { opensWithService } from "./custody-here.ts";
import { raiseGeneration } from "../vault/generation.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { renewMasterKey } from "./replace-master-key.ts";
import { serviceSlot } from "../vault/slots.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId, Custody } from "../words/account.ts";

/**
 * From now on Sealpost opens this user's mail without them.
 * @throws AppError when the user's key is on their own device.
 */
export async function giveToProvider(deps: VaultDeps, masterKey: MasterKey): Promise<void> {
  const { owner } = masterKey;
  const now = deps.clock.now();
  const who = { owner, serviceKeys: deps.serviceKeys };
  const { generation } = masterKey;
  const slot = serviceSlot(who, masterKey, "service", { now, generation: generation + 1 });
  masterKey.generation = await changeKeys(deps.store, owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    if ((await readAccount(tx, owner))?.account.custody === "user-device-only") {
      throw new AppError("the key is on the user's device: a new one has to be made first", {
        temporary: false,
      });
    }
    await insertSlot(tx, slot);
    await updateAccount(tx, owner, { custody: "provider-usable" });
    const detail = { custody: "provider-usable" };
    const change = { action: "custody.changed", detail, added: [slot], from: generation };
    return raiseGeneration(deps, tx, { owner, at: now, ...change });
  });
}

/** Why a user's keys are replaced, so that others who could open the old ones can open nothing more. */
export type TakingBack = {
  readonly password: Secret;
  readonly withRecoveryCode: boolean;
  readonly why: "custody" | "escrow" | "compromised";
  /** What holds from then on. */
  readonly custody: Custody;
};

/**
 * A new master key and new keys: what could open the old ones (the provider, the organisation, whoever got hold of them)
 * opens none that are used from now on. The old keys are revoked and go on decrypting old mail.
 */
export async function takeBack(
  deps: VaultDeps,
  rules: KeyRules,
  masterKey: MasterKey,
  { password, withRecoveryCode, why, custody }: TakingBack,
): ReturnType<typeof renewMasterKey> {
  const { profile, escrow } = rules;
  const isCompromised = why === "compromised";
  const replacesDevice = why !== "escrow";
  const isProviders = await opensWithService(deps.store, masterKey);
  return renewMasterKey(deps, {
    profile,
    escrow,
    endsEscrow: why === "escrow",
    replacesDevice,
    owner: masterKey.owner,
    from: masterKey,
    // In place of a key on the user's device another one is made here.
    custody: replacesDevice && custody === "user-device-only" ? "unlocks-at-login" : custody,
    password,
    withRecoveryCode,
    reason: isCompromised ? "compromised" : "superseded",
    text: isCompromised ? "compromised" : `${why} ended`,
    ...(why === "custody" && isProviders ? { account: { providerUntil: deps.clock.now() } } : {}),
    action: isCompromised ? "keys.compromised" : `${why}.ended`,
  });
}

/**
 * Creates the first keys here of an account whose key was only on the user's device, and replaces that key. The caller has
 * verified the password.
 * @throws KeysHereAlready when the account has keys here, also since a moment: `takeBack` replaces them.
 */
export async function keepHereFirst(
  deps: VaultDeps,
  rules: KeyRules,
  owner: AccountId,
  o: Pick<TakingBack, "password" | "withRecoveryCode">,
): ReturnType<typeof renewMasterKey> {
  const { profile, escrow } = rules;
  return renewMasterKey(deps, {
    ...o,
    profile,
    escrow,
    owner,
    from: undefined,
    isFirst: true,
    replacesDevice: true,
    custody: "unlocks-at-login",
    reason: "superseded",
    text: "custody ended",
    action: "custody.ended",
  });
}
