/**
 * Accounts: who may log in, and which addresses are theirs.
 *
 * An account has a random ID that never changes. Keys, mail, slots and audit entries belong to the ID (ADR 0024). Addresses
 * are attributes with a state:
 *
 *     primary    the address that the account logs in with; exactly one
 *     alias      another address of the account, with a certificate of its own
 *     released   the account gave the address up; it stays blocked for other accounts for a while
 *     reserved   the account was erased; a keyed tag alone remembers the address
 *
 * `user+anything@` reaches the account of `user@`, unless the longer address is somebody's own (`reader-addresses.ts`).
 * `postmaster@` always has a reader (RFC 5321 §4.5.1, `postmaster.ts`). How passwords are checked is in `vault/`.
 */
import type { Clock } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { findAccountUsing, insertAccount, walkAccounts } from "../store/accounts/accounts.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import type { LoginRow } from "../store/accounts/logins.ts";
import type { Store } from "../store/store.ts";
import type { Account, AccountId, Custody, Policy } from "../words/account.ts";

export { findAccount, walkAccounts } from "../store/accounts/accounts.ts";
export { listAliases } from "../store/accounts/addresses.ts";
export { NO_LOGIN } from "../store/accounts/logins.ts";

/** What an account is made of. */
export type NewAccount = {
  readonly id: AccountId;
  readonly address: EmailAddress;
  readonly custody: Custody;
  readonly policy?: Policy | undefined;
};

/**
 * Adds an account at a generation, to which its login is bound; undefined when an account has the address.
 */
export async function addAccount(
  deps: { readonly store: Store; readonly clock: Clock },
  account: NewAccount,
  login: LoginRow,
  generation: number,
): Promise<Account | undefined> {
  const { id, address, custody, policy } = account;
  const createdAt = deps.clock.now();
  const added: Account = { id, address, custody, policy, createdAt, mailboxKey: "same" };
  return (await insertAccount(deps.store, added, login, generation)) ? added : undefined;
}

/** The account that mail for an address is delivered to: its own, or that of an alias; none where it is closed. */
export async function findReader(
  store: Store,
  address: EmailAddress,
): Promise<Account | undefined> {
  const account = await accountUsing(store, address);
  return account?.closedAt === undefined ? account : undefined;
}

/** The account that has an address as its primary one or as an alias, open or closed. */
export async function accountUsing(
  store: Store,
  address: EmailAddress,
): Promise<Account | undefined> {
  return findAccountUsing(store, address);
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
