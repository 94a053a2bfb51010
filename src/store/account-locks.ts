/**
 * Row locks on accounts: alone, for an event that changes the account, or shared, for writes that only need it to stay. A
 * transaction on SQLite holds the only write lock already, so there nothing more is locked.
 */
import { canonicalAddress, type CanonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";

/** Keeps every other event of this account waiting until the caller's transaction ends; false when there is no such account. */
export async function lockAccount(store: Store, address: EmailAddress): Promise<boolean> {
  const query = store.db
    .selectFrom("accounts")
    .select("address")
    .where("address", "=", canonicalAddress(address));
  const row = await (store.engine === "postgres" ? query.forUpdate() : query).executeTakeFirst();
  return row !== undefined;
}

/**
 * Keeps an account under its name until the caller's transaction ends: nobody renames, closes or erases it meanwhile, and
 * others who only add to it do not wait. Every write that follows a look-up outside of the transaction needs it: the
 * account may be gone by now, and `undefined` says so.
 */
export async function holdAccount(
  store: Store,
  address: CanonicalAddress,
): Promise<"open" | "closed" | undefined> {
  const query = store.db.selectFrom("accounts").select("state").where("address", "=", address);
  const row = await (store.engine === "postgres" ? query.forShare() : query).executeTakeFirst();
  return row === undefined ? undefined : row.state === "closed" ? "closed" : "open";
}
