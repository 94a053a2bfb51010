/** Which addresses are a reader's own: those by which a message says that it was written to that reader. */
import {
  canonicalAddress,
  sameAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import { findOwner, listAddresses, listReleased } from "../store/accounts/addresses.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";

/**
 * Whether one of `addresses` was the account's own when a message was signed: its address, an alias, a subaddress of these
 * that is nobody else's address, or an address that the account released later than that.
 */
export async function isReadersAddress(
  store: Store,
  account: AccountId,
  addresses: readonly EmailAddress[],
  signedAt: Date,
): Promise<boolean> {
  const own = await listAddresses(store, account);
  if (addresses.some((address) => isAmong(own, address))) return true;
  for (const address of addresses) {
    const isSubaddress = isAmong(own, withoutSubaddress(address));
    if (isSubaddress && !(await isAddress(store, address))) return true;
  }
  const released = await listReleased(store, account);
  return addresses.some((address) =>
    released.some((one) => one.address === canonicalAddress(address) && signedAt < one.at),
  );
}

/** Whether an address belongs to an account by itself, and not through its part before the `+`. */
export async function isAddress(store: Store, address: EmailAddress): Promise<boolean> {
  return (await findOwner(store, address)) !== undefined;
}

function isAmong(own: readonly EmailAddress[], address: EmailAddress): boolean {
  return own.some((one) => sameAddress(one, address));
}
