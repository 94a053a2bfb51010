/**
 * Keys: what happens to a user's key pair, from its creation to its end.
 *
 *     create      generate, keep the generic revocation, wrap, publish        expiry   extend the expiry, warn before it ends
 *     rotate      revoke the current key, publish a new one                   import   publish a key that a user brings
 *     revoke      end a key, with a reason (RFC 9580 §5.2.3.31)                custody  who can use the secret key
 *     password    wrap the master key under another password                   alias    another address, another certificate
 *
 * Each event is a file, and each is one transaction: it changes what is stored, what is published and the audit log together,
 * or nothing (`changeKeys` here). Events of one account take turns. What a password, a code or the service key can open is the
 * business of `vault/`; a file here uses keys that the vault has opened.
 *
 * A generic revocation is made at generation, while the secret key is at hand, and kept wrapped. With it a key can be ended
 * when its user has lost everything. That power is counted and limited (`releases.ts`).
 */
import { repeatWhile } from "../base/repeat.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { lockAccount } from "../store/accounts/account-locks.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import { readStanding } from "../store/accounts/standing.ts";
import { findMasterKey, listMasterKeys, selectSecretKeys } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import { requireGeneration } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { AccountId } from "../words/account.ts";
import { keepStop, ReleasesStopped, type ReleaseAlarm } from "./releases.ts";
import { refuse, unlessRefused, type Refused } from "./unless-refused.ts";

const TRIES = 5;

/** Why no event in the life of an account's keys can take place. */
export type AccountRefusal =
  /** It was erased, or never was. */
  | { readonly kind: "no-account" }
  /** It has to be opened again first. */
  | { readonly kind: "account-closed" }
  /** Too many keys were revoked without their users (`releases.ts`). */
  | { readonly kind: "releases-stopped"; readonly alarm: ReleaseAlarm };

/**
 * One event in the life of an account's keys, all or nothing, and one at a time for each account. In a closed account only
 * events for `any` account take place. Where the work is refused (`refuse`) nothing of it stays. A stop of the releases
 * stands from then on, also where this event alone caused it. `work` may run again, so that it changes nothing but rows.
 */
export async function changeKeys<Answer, Refusal = never>(
  store: Store,
  owner: AccountId,
  work: (tx: Store) => Promise<Answer | Refused<Refusal>>,
  which: "open" | "any" = "open",
): Promise<Answer | Refusal | AccountRefusal> {
  try {
    return await unlessRefused<Answer, Refusal | AccountRefusal>(store, async (tx) => {
      if (!(await lockAccount(tx, owner))) return refuse({ kind: "no-account" });
      if (which === "open" && (await readAccount(tx, owner))?.account.closedAt !== undefined) {
        return refuse({ kind: "account-closed" });
      }
      return work(tx);
    });
  } catch (error) {
    if (!(error instanceof ReleasesStopped)) throw error;
    await keepStop(store, error);
    return { kind: "releases-stopped", alarm: error.alarm };
  }
}

/** Does the whole of it again when somebody else was first. @throws Conflict when that goes on. */
export async function untilNoConflict<T>(work: () => Promise<T>): Promise<T> {
  return repeatWhile((error) => error instanceof Conflict, TRIES, work);
}

/** @throws Conflict when the master key is no longer the one in use. */
export async function requireCurrent(tx: Store, { id, owner }: MasterKey): Promise<void> {
  if ((await findMasterKey(tx, owner)) !== id) throw new Conflict();
}

/** As `requireCurrent`, for changes of what opens the account. @throws Conflict when any of it changed since. */
export async function requireUnchanged(tx: Store, masterKey: MasterKey): Promise<void> {
  await requireCurrent(tx, masterKey);
  await requireGeneration(tx, masterKey.owner, masterKey.generation);
}

/** Whether the address is one of the account's. An alias may have been released a moment ago. */
export async function isOwn(tx: Store, owner: AccountId, address: EmailAddress): Promise<boolean> {
  return (await listAddresses(tx, owner)).some((one) => sameAddress(one, address));
}

/** Refusal of an event for an address that the account does not use, or no longer. */
export type AddressNotOwn = { readonly kind: "address-not-own" };

/** The addresses whose keys are kept here, or are to be: not those whose key is on the user's device. */
export async function addressesKeptHere(
  store: Store,
  owner: AccountId,
): Promise<readonly EmailAddress[]> {
  const standing = await readStanding(store, owner);
  if (standing === undefined) return [];
  const isForDevice = standing.account.custody === "user-device-only";
  const here = new Set<string>();
  for (const state of ["current", "former"] as const) {
    for (const id of await listMasterKeys(store, owner, state)) {
      for (const { fingerprint } of await selectSecretKeys(store, id)) here.add(fingerprint);
    }
  }
  return standing.addresses
    .filter(({ published }) =>
      published === undefined ? !isForDevice : here.has(published.fingerprint),
    )
    .map(({ address }) => address);
}
