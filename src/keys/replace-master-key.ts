import { canonicalAddress, sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import type { LoginRow } from "../store/accounts/logins.ts";
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
  type SlotRow,
} from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { generationNow, requireGeneration } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import { hasEscrow } from "../vault/escrow.ts";
import { raiseGeneration } from "../vault/generation.ts";
import { makeLogin, newSalt, saltForSlot } from "../vault/login-verifier.ts";
import { MasterKey } from "../vault/master-key.ts";
import { newRecoveryCode } from "../vault/recovery-code.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { unwrapSecretKey, wrapSecretKey } from "../vault/wrapped-rows.ts";
import type { AccountId, LastingCustody } from "../words/account.ts";
import { firstSlots } from "./create.ts";
import { addressesKeptHere, changeKeys, untilNoConflict } from "./keys.ts";
import { hasMailboxKey, makeMailboxKey, saveMailboxKey } from "./mailbox-key.ts";
import { makeKey, type NewKey } from "./new-key.ts";
import { CAUSES, type Renewal, type RenewalWish } from "./renewal.ts";
import { replaceKey } from "./rotate.ts";

/**
 * A new master key, and a new key for each address of the user; the old ones are revoked. Old keys go on decrypting where
 * the old master key is open: they move under the new one, and nothing that opened the old one opens anything any more.
 * Where the organisation had no way into the old one, it gets none into the new one; into a first one it gets what is set up.
 */
export async function renewMasterKey(deps: VaultDeps, wish: RenewalWish): Promise<Renewal> {
  return untilNoConflict(async () => renewOnce(deps, wish));
}

/** @throws Conflict when the account was changed meanwhile. */
async function renewOnce(deps: VaultDeps, wish: RenewalWish): Promise<Renewal> {
  const { store } = deps;
  const { owner, profile } = wish;
  const primary = (await readAccount(store, owner))?.account.address;
  if (primary === undefined) return { kind: "no-account" };
  const before = await findMasterKey(store, owner);
  if (wish.from.kind === "none" && before !== undefined) return { kind: "keys-here-already" };
  const { generation, typed, salt, login } = await startOf(deps, wish);
  const addresses = await renewedAddresses(store, wish);
  const isOwn = addresses.some((address) => sameAddress(address, primary));
  const custody = isOwn ? wish.custody : "user-device-only";
  const escrow = await escrowFor(store, wish, before);
  using next = MasterKey.make(owner);
  const code = wish.withRecoveryCode ? newRecoveryCode() : undefined;
  const from = { custody, password: typed, salt, generation: generation + 1, escrow, code };
  const slots = await firstSlots(deps, next, from);
  const keys = await Promise.all(
    addresses.map(async (address) => ({
      address,
      key: await makeKey(deps, next, { address, profile }),
    })),
  );
  const mailboxKey = (await hasMailboxKey(store, owner))
    ? await makeMailboxKey(deps, next, primary, profile)
    : undefined;
  const prepared = { before, next, generation, custody, slots, login, keys, mailboxKey };
  const done = await changeKeys(store, owner, async (tx) => {
    await saveRenewal(deps, tx, wish, prepared);
    return { kind: "renewed" } as const;
  });
  if (done.kind !== "renewed") {
    code?.secret[Symbol.dispose]();
    return done;
  }
  const certificate = isOwn ? keys[0]?.key.certificate : undefined;
  return { kind: "renewed", certificate, recoveryCode: code };
}

async function escrowFor(
  store: Store,
  { owner, escrow, why }: RenewalWish,
  before: string | undefined,
): Promise<Certificate | undefined> {
  if (CAUSES[why].endsEscrow === true) return undefined;
  const hasWayIn = before === undefined || (await hasEscrow(store, owner));
  return hasWayIn ? escrow : undefined;
}

/** All of a renewal that takes time, made before its transaction begins. */
type PreparedRenewal = {
  /** The master key that it takes the place of. */
  readonly before: string | undefined;
  readonly next: MasterKey;
  /** The change of the account that it rests on. */
  readonly generation: number;
  readonly custody: LastingCustody;
  readonly slots: readonly SlotRow[];
  readonly login: LoginRow | undefined;
  readonly keys: readonly { readonly address: EmailAddress; readonly key: NewKey }[];
  readonly mailboxKey: NewKey | undefined;
};

/** @throws Conflict when what was prepared no longer fits. */
async function saveRenewal(
  deps: VaultDeps,
  tx: Store,
  wish: RenewalWish,
  { before, next, generation, custody, slots, login, keys, mailboxKey }: PreparedRenewal,
): Promise<void> {
  const { owner, providerUntil } = wish;
  const { action, reason, text, endsEscrow } = CAUSES[wish.why];
  const from = openOf(wish);
  const now = await renewedAddresses(tx, wish);
  await requireStart(tx, wish, generation);
  if (namesOf(now) !== namesOf(keys.map(({ address }) => address))) throw new Conflict();
  const createdAt = deps.clock.now();
  const oldId = await findMasterKey(tx, owner);
  // Whether the organisation has a way in was read of the one before.
  if (oldId !== before) throw new Conflict();
  if (oldId !== undefined) await parkMasterKey(tx, oldId);
  await insertMasterKey(tx, { id: next.id, owner, createdAt });
  for (const slot of slots) await insertSlot(tx, slot);
  for (const { address, key } of keys) {
    await replaceKey(deps, tx, from, { owner, address, reason, text }, key);
  }
  if (mailboxKey !== undefined) await saveMailboxKey(tx, owner, mailboxKey);
  const isMoved = from !== undefined && (await moveKeys(tx, from, next));
  if (isMoved) await deleteMasterKey(tx, from.id);
  if (endsEscrow === true) await endParkedEscrow(tx, owner);
  const ended = providerUntil === undefined ? {} : { providerUntil };
  await updateAccount(tx, owner, { ...ended, custody });
  const detail = { custody, isOldOpen: from !== undefined, isOldGone: isMoved };
  const change = { action, detail, added: slots, login, from: generation };
  await raiseGeneration(deps, tx, { owner, at: createdAt, ...change });
}

/** The old master key, where it is open. */
function openOf({ from }: Pick<RenewalWish, "from">): MasterKey | undefined {
  return from.kind === "open" ? from.masterKey : undefined;
}

function namesOf(addresses: readonly EmailAddress[]): string {
  return addresses.map(canonicalAddress).join();
}

/** The change of the account that a renewal rests on, and what its password gives. */
async function startOf(deps: VaultDeps, wish: RenewalWish) {
  const { owner, password } = wish;
  const generation = openOf(wish)?.generation ?? (await generationNow(deps.store, owner));
  await requireStart(deps.store, wish, generation);
  if (password === undefined) {
    return { generation, typed: undefined, salt: newSalt(), login: undefined };
  }
  const typed = TypedPassword.of(password);
  if (CAUSES[wish.why].setsLogin !== true) {
    return { generation, typed, salt: await saltForSlot(deps, owner, typed), login: undefined };
  }
  const salt = newSalt();
  const of = { owner, generation: generation + 1 };
  return { generation, typed, salt, login: await makeLogin(deps.serviceKeys, of, typed, salt) };
}

/** Where nothing opens the old master key, the operator decides, whatever row and log say. @throws Conflict when it is past. */
async function requireStart(
  store: Store,
  { owner, from }: Pick<RenewalWish, "owner" | "from">,
  generation: number,
): Promise<void> {
  if (from.kind === "open") return requireGeneration(store, owner, generation);
  if ((await generationNow(store, owner)) !== generation) throw new Conflict();
}

/** @throws Conflict when the old master key is no longer the one in use. */
async function renewedAddresses(store: Store, wish: RenewalWish): Promise<readonly EmailAddress[]> {
  const { owner, deviceKeys } = wish;
  const from = openOf(wish);
  const isOther = from !== undefined && (await findMasterKey(store, owner)) !== from.id;
  if (isOther) throw new Conflict();
  return deviceKeys === "replaced" ? listAddresses(store, owner) : addressesKeptHere(store, owner);
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
