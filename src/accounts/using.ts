/** Which accounts use which addresses. */
import type { EmailAddress } from "../mail/address.ts";
import { readAccount, walkAccounts } from "../store/accounts/accounts.ts";
import { findOwner, listAddresses } from "../store/accounts/addresses.ts";
import type { Store } from "../store/store.ts";
import type { Account, AccountId } from "../words/account.ts";

export { listAddresses, listAliases } from "../store/accounts/addresses.ts";

/** The account that has an address as its primary one or as an alias, open or closed. */
export async function accountUsing(
  store: Store,
  address: EmailAddress,
): Promise<Account | undefined> {
  const owner = await findOwner(store, address);
  return owner && (await readAccount(store, owner))?.account;
}

/** An address that is in use, and whose it is. */
export type UsedAddress = { readonly owner: AccountId; readonly address: EmailAddress };

/** The addresses of all open accounts: of each its primary one, then its aliases. */
export async function* openAddresses(store: Store): AsyncGenerator<UsedAddress> {
  for await (const { id: owner, closedAt } of walkAccounts(store)) {
    if (closedAt !== undefined) continue;
    const addresses = await listAddresses(store, owner);
    yield* addresses.map((address) => ({ owner, address }));
  }
}
