import type { Secret } from "../base/secret.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import { insertSlot } from "../store/keys/vault.ts";
import { raiseGeneration } from "../vault/generation.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { serviceSlot } from "../vault/slots.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId, LastingCustody } from "../words/account.ts";
import { opensWithService } from "./custody-of-slots.ts";
import { changeKeys, requireUnchanged, type AccountRefusal } from "./keys.ts";
import type { Renewal, RenewalCause } from "./renewal.ts";
import { renewMasterKey } from "./replace-master-key.ts";
import { refuse } from "./unless-refused.ts";

/** What came of giving the keys to the provider. */
export type CustodyChange =
  | { readonly kind: "given" }
  /** The user's key is on their own device: a new one has to be made here first. */
  | { readonly kind: "key-on-device" }
  | AccountRefusal;

/** From now on Sealpost opens this user's mail without them. */
export async function giveToProvider(
  deps: VaultDeps,
  masterKey: MasterKey,
): Promise<CustodyChange> {
  const { owner } = masterKey;
  const now = deps.clock.now();
  const who = { owner, serviceKeys: deps.serviceKeys };
  const { generation } = masterKey;
  const slot = serviceSlot(who, masterKey, "service", { now, generation: generation + 1 });
  const done = await changeKeys(deps.store, owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    if ((await readAccount(tx, owner))?.account.custody === "user-device-only") {
      return refuse({ kind: "key-on-device" });
    }
    await insertSlot(tx, slot);
    await updateAccount(tx, owner, { custody: "provider-usable" });
    const detail = { custody: "provider-usable" };
    const change = { action: "custody.changed", detail, added: [slot], from: generation };
    const raised = await raiseGeneration(deps, tx, { owner, at: now, ...change });
    return { kind: "given", generation: raised } as const;
  });
  if (done.kind !== "given") return done;
  masterKey.generation = done.generation;
  return { kind: "given" };
}

/** Why a user's keys are replaced, so that others who could open the old ones can open nothing more. */
export type ReplacementWish = {
  readonly password: Secret;
  readonly withRecoveryCode: boolean;
  readonly why: Extract<RenewalCause, "custody" | "escrow" | "compromised">;
  /** What holds from then on. */
  readonly custody: LastingCustody;
};

/**
 * A new master key and new keys: what could open the old ones (the provider, the organisation, whoever got hold of them)
 * opens none that are used from now on. The old keys are revoked and go on decrypting old mail.
 */
export async function replaceKeys(
  deps: VaultDeps,
  rules: KeyRules,
  masterKey: MasterKey,
  { password, withRecoveryCode, why, custody }: ReplacementWish,
): Promise<Renewal> {
  const { profile, escrow } = rules;
  const replacesDevice = why !== "escrow";
  const isProviders = await opensWithService(deps.store, masterKey);
  return renewMasterKey(deps, {
    profile,
    escrow,
    owner: masterKey.owner,
    why,
    from: { kind: "open", masterKey },
    deviceKeys: replacesDevice ? "replaced" : "kept",
    // In place of a key on the user's device another one is made here.
    custody: replacesDevice && custody === "user-device-only" ? "unlocks-at-login" : custody,
    password,
    withRecoveryCode,
    providerUntil: why === "custody" && isProviders ? deps.clock.now() : undefined,
  });
}

/**
 * Creates the first keys here of an account whose key was only on the user's device, and replaces that key. The caller has
 * verified the password. `keys-here-already`: `replaceKeys` replaces them.
 */
export async function createServerKeys(
  deps: VaultDeps,
  rules: KeyRules,
  owner: AccountId,
  o: Pick<ReplacementWish, "password" | "withRecoveryCode">,
): Promise<Renewal> {
  const { profile, escrow } = rules;
  return renewMasterKey(deps, {
    ...o,
    profile,
    escrow,
    owner,
    why: "custody",
    from: { kind: "none" },
    deviceKeys: "replaced",
    custody: "unlocks-at-login",
  });
}
