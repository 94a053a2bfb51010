/** Who may log in, where Sealpost itself holds the passwords (as Argon2id hashes). */
import { argon2, randomBytes } from "node:crypto";
import { promisify } from "node:util";

import { equalBytes } from "../base/bytes.ts";
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import {
  insertAccount,
  readAccount,
  type Account,
  type Custody,
  type LoginHash,
  type Policy,
} from "../store/accounts.ts";
import { findAliased } from "../store/aliases.ts";
import type { Store } from "../store/store.ts";

export type { Account, Custody, LoginHash } from "../store/accounts.ts";
export { listAccounts, updateAccount } from "../store/accounts.ts";

const SALT_BYTES = 16;
const HASH_BYTES = 32;
const MEMORY_KIB = 64 * 1024;
const PASSES = 3;

const deriveArgon2 = promisify(argon2);

/** What an account is made of, once its password has been hashed. */
export type NewAccount = {
  readonly address: EmailAddress;
  readonly custody: Custody;
  readonly policy?: Policy | undefined;
};

/**
 * Adds an account. Hash the password before a transaction begins: it takes a tenth of a second.
 * @throws AppError when there is an account with this address.
 */
export async function addAccount(
  deps: { readonly store: Store; readonly clock: Clock },
  account: NewAccount,
  login: LoginHash,
): Promise<Account> {
  const { address, custody, policy } = account;
  const createdAt = deps.clock.now();
  const added: Account = { address, custody, policy, createdAt, mailboxKey: "same" };
  if (!(await insertAccount(deps.store, added, login))) {
    throw new AppError("there is an account with this address", { temporary: false });
  }
  return added;
}

/** What is kept of a password: an Argon2id hash with a salt of its own. */
export async function hashPassword(password: Secret): Promise<LoginHash> {
  const salt = randomBytes(SALT_BYTES);
  return { salt, hash: await hashWith(password, salt) };
}

/** What is kept for somebody who has no password yet: no password is right. */
export const NO_LOGIN: LoginHash = { salt: new Uint8Array(), hash: new Uint8Array() };

/**
 * The account, if the password is right and it is not closed. An unknown address takes the same work as a wrong password.
 */
export async function verifyPassword(
  store: Store,
  address: EmailAddress,
  password: Secret,
): Promise<Account | undefined> {
  const read = await readAccount(store, address);
  const isOpen = read?.account.closedAt === undefined && read?.login.hash.length === HASH_BYTES;
  const found = isOpen ? read : undefined;
  const salt = found?.login.salt ?? randomBytes(SALT_BYTES);
  const expected = found?.login.hash ?? randomBytes(HASH_BYTES);
  const isRight = equalBytes(await hashWith(password, salt), expected);
  return isRight ? found?.account : undefined;
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

async function hashWith(password: Secret, salt: Uint8Array): Promise<Uint8Array> {
  // Argon2id, RFC 9106.
  return deriveArgon2("argon2id", {
    message: password.reveal(),
    nonce: salt,
    memory: MEMORY_KIB,
    passes: PASSES,
    parallelism: 1,
    tagLength: HASH_BYTES,
  });
}
