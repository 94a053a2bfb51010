import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { canonicalAddress, sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { updateAccount, type AccountChange } from "../store/accounts/accounts.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import {
  deleteMasterKey,
  deleteSlots,
  findMasterKey,
  insertMasterKey,
  insertSlot,
  listMasterKeys,
  parkMasterKey,
  saveSecretKey,
  selectSecretKeys,
} from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { generationNow, requireGeneration } from "../vault/binding.ts";
import { addressesKeptHere, addressesInUse, changeKeys, untilNotOvertaken } from "./keys.ts";
import { firstSlots } from "./create.ts";
import type { EndReason } from "./revoke-active.ts";
import { hasEscrow } from "../vault/escrow.ts";
import { raiseGeneration } from "../vault/generation.ts";
import { makeLogin, newSalt, saltForSlot } from "../vault/login-verifier.ts";
import { hasMailboxKey, makeMailboxKey, saveMailboxKey } from "./mailbox-key.ts";
import { MasterKey } from "../vault/master-key.ts";
import { makeKey } from "./new-key.ts";
import { Overtaken } from "../vault/conflict.ts";
import { newRecoveryCode, type RecoveryCode } from "../vault/recovery-code.ts";
import { replaceKey } from "./rotate.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { unwrapSecretKey, wrapSecretKey } from "../vault/wrapped-rows.ts";
import type { AccountId, Custody } from "../words/account.ts";

/** How a new master key comes about. */
export type Renewal = KeyRules & {
  readonly owner: AccountId;
  /** The old one; undefined when nothing opens it: it is then parked, with what is wrapped under it. */
  readonly from: MasterKey | undefined;
  /** Only where there is none here yet: of two at once the second is refused, and parks nothing of the first. */
  readonly isFirst?: boolean;
  readonly custody: Custody;
  readonly password: Secret | TypedPassword | undefined;
  /** Whether the password is to log in too, whatever did until now. */
  readonly setsLogin?: boolean;
  readonly withRecoveryCode: boolean;
  readonly reason: EndReason;
  readonly text: string;
  /** Whether keys on the user's device are replaced too; else they stay, and with them the custody. */
  readonly replacesDevice?: boolean;
  /** The organisation's way in ends: to this master key and to those that are parked. */
  readonly endsEscrow?: boolean;
  /** What else changes in the account, in the same moment. */
  readonly account?: AccountChange;
  /** The name of the event in the audit log. */
  readonly action: string;
};

/** There are keys here, where the first ones were to be made. */
export class KeysHereAlready extends AppError {
  override readonly name = "KeysHereAlready";

  constructor() {
    super("this account has keys here already", { temporary: false });
  }
}

/**
 * A new master key, and a new key for each address of the user; the old ones are revoked. Old keys go on decrypting where
 * the old master key is open: they move under the new one, and nothing that opened the old one opens anything any more.
 * Where the organisation had no way into the old one, it gets none into the new one; into a first one it gets what is set up.
 */
export async function renewMasterKey(
  deps: VaultDeps,
  renewal: Renewal,
): Promise<{
  readonly certificate: Certificate | undefined;
  readonly recoveryCode: RecoveryCode | undefined;
}> {
  const { owner, from, profile } = renewal;
  return untilNotOvertaken(async () => {
    const before = await masterKeyBefore(deps.store, renewal);
    const { generation, typed, salt, login } = await startOf(deps, renewal);
    const primary = await primaryAddress(deps.store, owner);
    const addresses = await renewedAddresses(deps.store, renewal);
    const isOwn = addresses.some((address) => sameAddress(address, primary));
    const custody = isOwn ? renewal.custody : "user-device-only";
    const hasWayIn = before === undefined || (await hasEscrow(deps.store, owner));
    const escrow = hasWayIn ? renewal.escrow : undefined;
    using next = MasterKey.make(owner);
    const code = renewal.withRecoveryCode ? newRecoveryCode() : undefined;
    const slots = await firstSlots(deps, next, {
      custody,
      password: typed,
      salt,
      generation: generation + 1,
      escrow: renewal.endsEscrow === true ? undefined : escrow,
      code,
    });
    const keys = await Promise.all(
      addresses.map(async (address) => makeKey(deps, next, { address, profile })),
    );
    const mailboxKey = await newMailboxKey(deps, renewal, next);
    await changeKeys(deps.store, owner, async (tx) => {
      const now = await renewedAddresses(tx, renewal);
      await requireStart(tx, renewal, generation);
      if (namesOf(now) !== namesOf(addresses)) throw new Overtaken();
      const createdAt = deps.clock.now();
      const oldId = await findMasterKey(tx, owner);
      // Whether the organisation has a way in was read of the one before.
      if (oldId !== before) throw new Overtaken();
      if (oldId !== undefined) await parkMasterKey(tx, oldId);
      await insertMasterKey(tx, { id: next.id, owner, createdAt });
      for (const slot of slots) await insertSlot(tx, slot);
      for (const [at, key] of keys.entries()) {
        const { reason, text } = renewal;
        const address = addresses[at] ?? primary;
        await replaceKey(deps, tx, from, { owner, address, reason, text }, key);
      }
      if (mailboxKey !== undefined) await saveMailboxKey(tx, owner, mailboxKey);
      const isMoved = from !== undefined && (await moveKeys(tx, from, next));
      if (isMoved) await deleteMasterKey(tx, from.id);
      if (renewal.endsEscrow === true) await endParkedEscrow(tx, owner);
      await updateAccount(tx, owner, { ...renewal.account, custody });
      const { action } = renewal;
      const detail = { custody, isOldOpen: from !== undefined, isOldGone: isMoved };
      const change = { action, detail, added: slots, login, from: generation };
      await raiseGeneration(deps, tx, { owner, at: createdAt, ...change });
    });
    return { certificate: isOwn ? keys[0]?.certificate : undefined, recoveryCode: code };
  });
}

function namesOf(addresses: readonly EmailAddress[]): string {
  return addresses.map(canonicalAddress).join();
}

/** @throws KeysHereAlready where the first keys are to be made and there are some. */
async function masterKeyBefore(store: Store, { owner, isFirst }: Renewal) {
  const before = await findMasterKey(store, owner);
  if (isFirst === true && before !== undefined) throw new KeysHereAlready();
  return before;
}

/** The change of the account that a renewal rests on, and what its password gives. */
async function startOf(deps: VaultDeps, { owner, from, password, setsLogin }: Renewal) {
  const generation = from?.generation ?? (await generationNow(deps.store, owner));
  await requireStart(deps.store, { owner, from }, generation);
  if (password === undefined) {
    return { generation, typed: undefined, salt: newSalt(), login: undefined };
  }
  const typed = TypedPassword.of(password);
  if (setsLogin !== true) {
    return { generation, typed, salt: await saltForSlot(deps, owner, typed), login: undefined };
  }
  const salt = newSalt();
  const of = { owner, generation: generation + 1 };
  return { generation, typed, salt, login: await makeLogin(deps.serviceKeys, of, typed, salt) };
}

/** Where nothing opens the old master key, the operator decides, whatever row and log say. @throws Overtaken when it is past. */
async function requireStart(
  store: Store,
  { owner, from }: Pick<Renewal, "owner" | "from">,
  generation: number,
): Promise<void> {
  if (from !== undefined) return requireGeneration(store, owner, generation);
  if ((await generationNow(store, owner)) !== generation) throw new Overtaken();
}

async function newMailboxKey(deps: VaultDeps, { owner, profile }: Renewal, next: MasterKey) {
  return (await hasMailboxKey(deps.store, owner))
    ? makeMailboxKey(deps, next, await primaryAddress(deps.store, owner), profile)
    : undefined;
}

/** @throws Overtaken when the old master key is no longer the one in use. */
async function renewedAddresses(
  store: Store,
  { owner, from, replacesDevice }: Renewal,
): Promise<readonly EmailAddress[]> {
  const isOther = from !== undefined && (await findMasterKey(store, owner)) !== from.id;
  if (isOther) throw new Overtaken();
  return replacesDevice === true ? addressesInUse(store, owner) : addressesKeptHere(store, owner);
}

async function endParkedEscrow(tx: Store, owner: AccountId): Promise<void> {
  for (const id of await listMasterKeys(tx, owner, "former")) await deleteSlots(tx, id, "escrow");
}

/** Wraps all keys of a master key under another one; false when one of them could not be moved and stays. */
export async function moveKeys(tx: Store, from: MasterKey, to: MasterKey): Promise<boolean> {
  let isWhole = true;
  for (const row of await selectSecretKeys(tx, from.id)) {
    using raw = unwrapSecretKey(from.secret, row, from.owner);
    if (raw === undefined) isWhole = false;
    else await saveSecretKey(tx, wrapSecretKey(raw, to, row, to.owner));
  }
  return isWhole;
}
