/** The keys of an account, as they are listed and shown. */
import type { Clock } from "../base/time.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import {
  findPublished,
  listPublished,
  listPublishedOf,
  listUnserved,
  type KeyState,
  type PublishedCertificate,
} from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { isExpired } from "../vault/published-certificate.ts";
import type { AccountId } from "../words/account.ts";

/** A key that an account has or had. An active one that has expired is `expired`. */
export type KeyView = Pick<
  PublishedCertificate,
  "address" | "fingerprint" | "version" | "createdAt" | "expiresAt" | "revokedAt"
> & {
  readonly state: KeyState | "expired";
  /** Found by its address. */
  readonly isPublished: boolean;
  /** Found by its fingerprint and its key IDs. */
  readonly isServed: boolean;
};

type ListDeps = { readonly store: Store; readonly clock: Clock };

/**
 * Every key that an account has or had: of its primary address first, then of its aliases, then of addresses that it released;
 * of each the newest key first.
 */
export async function listKeys(
  { store, clock }: ListDeps,
  account: AccountId,
): Promise<readonly KeyView[]> {
  const addresses = await listAddresses(store, account);
  const all = await listPublishedOf(store, account);
  const placeOf = ({ address }: PublishedCertificate): number => {
    const place = addresses.findIndex((one) => sameAddress(one, address));
    return place < 0 ? addresses.length : place;
  };
  const unserved = await listUnserved(store, account);
  const now = clock.now();
  return all
    .toSorted((a, b) => placeOf(a) - placeOf(b))
    .map((one) => viewOf(one, !unserved.includes(one.fingerprint), now));
}

/** The active key of an account for an address, else the newest one; undefined when it never had one. */
export async function findKey(
  { store, clock }: ListDeps,
  account: AccountId,
  address: EmailAddress,
): Promise<KeyView | undefined> {
  const found = latestOf(await listPublishedOf(store, account, address));
  if (found === undefined) return undefined;
  const isServed = !(await listUnserved(store, account)).includes(found.fingerprint);
  return viewOf(found, isServed, clock.now());
}

/** The active certificate of an address, else the newest one of those that ended; undefined when it never had one. */
export async function latestPublished(
  store: Store,
  address: EmailAddress,
): Promise<PublishedCertificate | undefined> {
  return latestOf(await listPublished(store, address));
}

function latestOf(newestFirst: readonly PublishedCertificate[]): PublishedCertificate | undefined {
  return newestFirst.find(({ state }) => state === "active") ?? newestFirst[0];
}

/** Whether an address has an active key, expired or not. */
export async function hasActiveKey(store: Store, address: EmailAddress): Promise<boolean> {
  return (await findPublished(store, address)) !== undefined;
}

function viewOf(one: PublishedCertificate, isServed: boolean, now: Date): KeyView {
  const { address, fingerprint, state, version, createdAt, expiresAt, revokedAt } = one;
  const hasExpired = isExpired(one, now);
  return {
    address,
    fingerprint,
    state: hasExpired && state === "active" ? "expired" : state,
    version,
    createdAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    isPublished: state === "active" && !hasExpired,
    isServed,
  };
}
