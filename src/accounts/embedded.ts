/** Who has an account. What their passwords are compared with is for keys/ to make (`login-verifier.ts`). */
import { AppError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { insertAccount } from "../store/accounts/accounts.ts";
import type { LoginRow } from "../store/accounts/logins.ts";
import type { Store } from "../store/store.ts";
import type { Account, AccountId, Custody, Policy } from "../words/account.ts";
import { accountUsing } from "./using.ts";

export type { LoginRow } from "../store/accounts/logins.ts";
export { findAccount, updateAccount, walkAccounts } from "../store/accounts/accounts.ts";
export { NO_LOGIN } from "../store/accounts/logins.ts";

/** What an account is made of. */
export type NewAccount = {
  readonly id: AccountId;
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
  const { id, address, custody, policy } = account;
  const createdAt = deps.clock.now();
  const added: Account = { id, address, custody, policy, createdAt, mailboxKey: "same" };
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
  const account = await accountUsing(store, address);
  return account?.closedAt === undefined ? account : undefined;
}
