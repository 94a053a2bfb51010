/** Which addresses are a reader's own: those by which a message says that it was written to that reader. */
import {
  canonicalAddress,
  sameAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import { readAccount } from "../store/accounts.ts";
import { findAliased, listAliases } from "../store/aliases.ts";
import type { Store } from "../store/store.ts";
import { releasedAt } from "../store/tombstones.ts";

/** Maximum number of addresses of a message that are compared with what an account released. */
const MAX_COMPARED = 100;

/**
 * Whether one of `addresses` was the account's own when a message was signed: its address, an alias, a subaddress of these
 * that is nobody else's address, or an address that the account released later than that.
 */
export async function isReadersAddress(
  store: Store,
  account: EmailAddress,
  addresses: readonly EmailAddress[],
  signedAt: Date,
): Promise<boolean> {
  const aliases = await listAliases(store, account);
  const own = [account, ...aliases.map(({ address }) => address)];
  if (addresses.some((address) => isAmong(own, address))) return true;
  for (const address of addresses) {
    const isSubaddress = isAmong(own, withoutSubaddress(address));
    if (isSubaddress && !(await isAddress(store, address))) return true;
  }
  for (const address of addresses.slice(0, MAX_COMPARED)) {
    const released = await releasedAt(store, canonicalAddress(address), canonicalAddress(account));
    if (released !== undefined && signedAt < released) return true;
  }
  return false;
}

/** Whether an address belongs to an account by itself, and not through its part before the `+`. */
export async function isAddress(store: Store, address: EmailAddress): Promise<boolean> {
  return (
    (await readAccount(store, address)) !== undefined ||
    (await findAliased(store, address)) !== undefined
  );
}

function isAmong(own: readonly EmailAddress[], address: EmailAddress): boolean {
  return own.some((one) => sameAddress(one, address));
}
