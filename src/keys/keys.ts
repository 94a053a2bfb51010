import { AppError } from "../base/errors.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { lockAccount } from "../store/accounts/account-locks.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { findMasterKey, listMasterKeys, selectSecretKeys } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { requireGeneration } from "../vault/binding.ts";
import { Overtaken } from "../vault/conflict.ts";
import { keepStop, ReleasesStopped } from "./releases.ts";
import type { AccountId } from "../words/account.ts";

const TRIES = 5;

/**
 * One event in the life of an account's keys, all or nothing, and one at a time for each account; of a closed one only
 * what is said to be for `any`.
 * @throws AppError when there is no such account, or it is closed.
 * @throws ReleasesStopped, which stands from then on, also where this event alone came to it.
 */
export async function changeKeys<T>(
  store: Store,
  owner: AccountId,
  work: (tx: Store) => Promise<T>,
  which: "open" | "any" = "open",
): Promise<T> {
  const change = async (tx: Store): Promise<T> => {
    if (!(await lockAccount(tx, owner))) {
      throw new AppError("there is no such account", { temporary: false });
    }
    if (which === "open" && (await readAccount(tx, owner))?.account.closedAt !== undefined) {
      throw new AppError("this account is closed; open it again first", { temporary: false });
    }
    return work(tx);
  };
  try {
    return await store.transaction(change);
  } catch (error) {
    if (error instanceof ReleasesStopped) await keepStop(store, error);
    throw error;
  }
}

/** Does the whole of it again when somebody else was first. @throws Overtaken when that goes on. */
export async function untilNotOvertaken<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Overtaken) || attempt === TRIES) throw error;
    }
  }
}

/** @throws Overtaken when the master key is no longer the one in use. */
export async function requireCurrent(tx: Store, { id, owner }: MasterKey): Promise<void> {
  if ((await findMasterKey(tx, owner)) !== id) throw new Overtaken();
}

/** As `requireCurrent`, for changes of what opens the account. @throws Overtaken when any of it changed since. */
export async function requireUnchanged(tx: Store, masterKey: MasterKey): Promise<void> {
  await requireCurrent(tx, masterKey);
  await requireGeneration(tx, masterKey.owner, masterKey.generation);
}

/** The addresses of an account, the primary one first. */
export async function addressesInUse(
  store: Store,
  owner: AccountId,
): Promise<readonly EmailAddress[]> {
  return listAddresses(store, owner);
}

/** @throws AppError when the address is not, or no longer, one of the account's. */
export async function requireOwn(
  tx: Store,
  owner: AccountId,
  address: EmailAddress,
): Promise<void> {
  if ((await addressesInUse(tx, owner)).some((one) => sameAddress(one, address))) return;
  throw new AppError("this address is none of the account's", { temporary: false });
}

/** The addresses whose keys are kept here, or are to be: not those whose key is on the user's device. */
export async function addressesKeptHere(
  store: Store,
  owner: AccountId,
): Promise<readonly EmailAddress[]> {
  const isForDevice = (await readAccount(store, owner))?.account.custody === "user-device-only";
  const here = new Set<string>();
  for (const state of ["current", "former"] as const) {
    for (const id of await listMasterKeys(store, owner, state)) {
      for (const { fingerprint } of await selectSecretKeys(store, id)) here.add(fingerprint);
    }
  }
  const kept: EmailAddress[] = [];
  for (const address of await addressesInUse(store, owner)) {
    const published = await findPublished(store, address);
    const isHere = published === undefined ? !isForDevice : here.has(published.fingerprint);
    if (isHere) kept.push(address);
  }
  return kept;
}
