/** Who has an account. What their passwords are compared with is for keys/ to make (`login-verifier.ts`). */
import { AppError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import {
  insertAccount,
  readAccount,
  type Account,
  type Custody,
  type Policy,
} from "../store/accounts.ts";
import type { LoginRow } from "../store/logins.ts";
import { findAliased } from "../store/aliases.ts";
import type { Store } from "../store/store.ts";

export type { Account, Custody } from "../store/accounts.ts";
export type { LoginRow } from "../store/logins.ts";
export { listAccounts, updateAccount } from "../store/accounts.ts";
export { NO_LOGIN } from "../store/logins.ts";

/** What an account is made of. */
export type NewAccount = {
  readonly address: EmailAddress;
  readonly custody: Custody;
  readonly policy?: Policy | undefined;
};

/**
 * Adds an account at a generation, to which its login is bound.
 * @throws AppError when there is an account with this address.
 */
export async function addAccount(
  deps: { readonly store: Store; readonly clock: Clock },
  account: NewAccount,
  login: LoginRow,
  generation: number,
): Promise<Account> {
  const { address, custody, policy } = account;
  const createdAt = deps.clock.now();
  const added: Account = { address, custody, policy, createdAt, mailboxKey: "same" };
  if (!(await insertAccount(deps.store, added, login, generation))) {
    throw new AppError("there is an account with this address", { temporary: false });
  }
  return added;
}

/** The account that mail for an address is delivered to: its own, or that of an alias; none where it is closed. */
export async function findReader(
  store: Store,
  address: EmailAddress,
): Promise<Account | undefined> {
  const owner = (await findAliased(store, address)) ?? address;
  const account = await findAccount(store, owner);
  return account?.closedAt === undefined ? account : undefined;
}

/** The account whose own address this is, closed or not. */
export async function findAccount(
  store: Store,
  address: EmailAddress,
): Promise<Account | undefined> {
  return (await readAccount(store, address))?.account;
}
