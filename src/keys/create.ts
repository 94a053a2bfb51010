import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { updateAccount } from "../store/accounts/accounts.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import { findMasterKey, insertMasterKey, insertSlot, type SlotRow } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { generationNow, requireGeneration } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import { escrowSlot } from "../vault/escrow.ts";
import { raiseGeneration } from "../vault/generation.ts";
import { newSalt } from "../vault/login-verifier.ts";
import { MasterKey } from "../vault/master-key.ts";
import { newRecoveryCode, type RecoveryCode } from "../vault/recovery-code.ts";
import { passwordSlot, recoverySlot, serviceSlot } from "../vault/slots.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { lastingCustody, type AccountId, type Custody } from "../words/account.ts";
import { changeKeys, type AccountRefusal } from "./keys.ts";
import { makeKey, savePublishedKey, type NewKey } from "./new-key.ts";

/** Whose first key is to be made, and how. */
export type NewKeys = KeyRules & {
  readonly owner: AccountId;
  /** The account's primary address: the key is made for it. */
  readonly address: EmailAddress;
  /** What the user is to have; without a password `unlocks-at-login` begins at the first login. */
  readonly custody: Custody;
  readonly password: Secret | TypedPassword | undefined;
  /** The salt of the login with the same password. */
  readonly salt?: Uint8Array;
  /** The change of the account that all this rests on; absent, its last one. */
  readonly generation?: number;
  readonly withRecoveryCode?: boolean;
};

/** A first key, wrapped and ready for its rows; only the recovery code in it is secret. */
export type PreparedKeys = {
  readonly owner: AccountId;
  readonly createdAt: Date;
  /** The change of the account that this is to follow. */
  readonly generation: number;
  readonly custody: Custody;
  readonly masterKeyId: string;
  readonly slots: readonly SlotRow[];
  readonly key: NewKey;
  readonly recoveryCode: RecoveryCode | undefined;
};

/** What came of making the first key of an account. */
export type KeyCreation =
  | { readonly kind: "created"; readonly certificate: Certificate }
  | AccountRefusal;

/**
 * Makes the first key of an account: master key and slots, key pair, kept generic revocation, publication and audit row,
 * all in one transaction.
 * @throws Conflict when the account has keys already.
 * @throws AppError for custody `user-device-only`, whose keys are not made here: a mistake of the caller.
 */
export async function createKeys(deps: VaultDeps, wanted: NewKeys): Promise<KeyCreation> {
  const generation = wanted.generation ?? (await generationNow(deps.store, wanted.owner));
  const prepared = await prepareKeys(deps, { ...wanted, generation });
  return saveKeys(deps, deps.store, prepared);
}

/** All that takes time and no database: to be done before a transaction begins. */
export async function prepareKeys(
  deps: Omit<VaultDeps, "store">,
  wanted: NewKeys & { readonly generation: number },
): Promise<PreparedKeys> {
  const { owner, generation } = wanted;
  if (wanted.custody === "user-device-only") {
    throw new AppError("this user's key is made on their own device", { temporary: false });
  }
  using masterKey = MasterKey.make(owner);
  const custody = custodyNow(wanted);
  const code = wanted.withRecoveryCode === true ? newRecoveryCode() : undefined;
  return {
    owner,
    createdAt: deps.clock.now(),
    generation,
    custody,
    masterKeyId: masterKey.id,
    slots: await firstSlots(deps, masterKey, {
      ...wanted,
      custody,
      code,
      generation: generation + 1,
    }),
    key: await makeKey(deps, masterKey, wanted),
    recoveryCode: code,
  };
}

/** Without a password nothing but the service key can open what `unlocks-at-login`. */
function custodyNow({ custody, password }: Pick<NewKeys, "custody" | "password">): Custody {
  const lasting = lastingCustody(custody);
  return lasting === "unlocks-at-login" && password === undefined ? "provisional" : lasting;
}

/** The slots around a new master key. */
export async function firstSlots(
  deps: Omit<VaultDeps, "store">,
  masterKey: MasterKey,
  wanted: Pick<NewKeys, "custody" | "password" | "salt" | "escrow"> & {
    /** The change of the account that makes them. */
    readonly generation: number;
    readonly code?: RecoveryCode | undefined;
  },
): Promise<readonly SlotRow[]> {
  const { custody, password, escrow, code, generation } = wanted;
  const who = { owner: masterKey.owner, serviceKeys: deps.serviceKeys };
  const time = { now: deps.clock.now(), generation };
  const typed = password === undefined ? undefined : TypedPassword.of(password);
  const salt = wanted.salt ?? newSalt();
  return [
    ...(typed === undefined ? [] : [await passwordSlot(who, masterKey, typed, salt, time)]),
    ...(custody === "provisional" ? [serviceSlot(who, masterKey, "provisional", time)] : []),
    ...(custody === "provider-usable" ? [serviceSlot(who, masterKey, "service", time)] : []),
    ...(code === undefined ? [] : [recoverySlot(who, masterKey, code.secret, time)]),
    ...(escrow === undefined ? [] : [await escrowSlot(masterKey, escrow, time)]),
  ];
}

/**
 * Writes what was prepared, all or nothing.
 * @throws Conflict when the account has keys already, or another primary address: it may have released that of the key.
 */
export async function saveKeys(
  deps: Pick<VaultDeps, "serviceKeys">,
  store: Store,
  prepared: PreparedKeys,
): Promise<KeyCreation> {
  const { owner, createdAt, custody, key, generation } = prepared;
  return changeKeys(store, owner, async (tx) => {
    await requireGeneration(tx, owner, generation);
    if ((await findMasterKey(tx, owner)) !== undefined) throw new Conflict();
    const primary = await primaryAddress(tx, owner);
    if (!sameAddress(primary, key.published.address)) throw new Conflict();
    await insertMasterKey(tx, { id: prepared.masterKeyId, owner, createdAt });
    for (const slot of prepared.slots) await insertSlot(tx, slot);
    await savePublishedKey(tx, key);
    await updateAccount(tx, owner, { custody });
    await raiseGeneration(deps, tx, {
      owner,
      at: createdAt,
      from: generation,
      added: prepared.slots,
      action: "key.created",
      detail: { fingerprint: key.certificate.fingerprint, custody },
    });
    return { kind: "created", certificate: key.certificate };
  });
}
