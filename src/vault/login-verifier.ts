/**
 * What a password is compared with. It is wrapped under the service key and bound to the account and its generation: the
 * database alone tells nobody whether a guess is right, and a row that was written back lets nobody in.
 */
import { randomBytes } from "node:crypto";

import { equalBytes } from "../base/bytes.ts";
import type { Secret } from "../base/secret.ts";
import type { EmailAddress } from "../mail/address.ts";
import { findAccountRow, readAccount } from "../store/accounts/accounts.ts";
import type { LoginRow } from "../store/accounts/logins.ts";
import type { Store } from "../store/store.ts";
import type { Account, AccountId } from "../words/account.ts";
import { readBinding, type Binding } from "./binding.ts";
import type { ServiceKeys } from "./service-key.ts";
import { PASSWORD_KDF, TypedPassword } from "./typed-password.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrap, wrap } from "./wrap.ts";

const SALT_BYTES = 16;
const VERIFIER_BYTES = 32;

/** How often an account is read that changes meanwhile. */
const READS = 5;

/** Whose a verifier is, and at which change of the account. */
export type VerifierOwner = { readonly owner: AccountId; readonly generation: number };

/** A salt for a password that is set. */
export function newSalt(): Uint8Array {
  return randomBytes(SALT_BYTES);
}

/** What is kept of a password. The slot of the same password takes the same salt, so that a login makes one Argon2id. */
export async function makeLogin(
  serviceKeys: ServiceKeys,
  of: VerifierOwner,
  password: TypedPassword,
  salt: Uint8Array,
): Promise<LoginRow> {
  const { verifier } = await password.keysFor(salt);
  return wrapVerifier(serviceKeys, of, salt, verifier.reveal());
}

/** Wraps a verifier under the service key in force. */
function wrapVerifier(
  serviceKeys: ServiceKeys,
  of: VerifierOwner,
  salt: Uint8Array,
  verifier: Uint8Array,
): LoginRow {
  const serviceKey = serviceKeys.current;
  using key = serviceKey.for("login");
  return {
    salt,
    kdf: PASSWORD_KDF,
    verifier: wrap(key, verifier, context(of)),
    serviceKey: serviceKey.id,
  };
}

/** The verifier of a row. Undefined: there is none, it is made in another way, or the row is not as it was written. */
export function unwrapVerifier(
  serviceKeys: ServiceKeys,
  of: VerifierOwner,
  login: LoginRow,
): Secret | undefined {
  if (login.kdf !== PASSWORD_KDF) return undefined;
  using key = serviceKeys.named(login.serviceKey)?.for("login");
  return key && unwrap(key, login.verifier, context(of));
}

/** The same verifier for another generation or name; as it is where it does not open, and lets nobody in. */
export function moveVerifier(
  serviceKeys: ServiceKeys,
  login: LoginRow,
  from: VerifierOwner,
  to: VerifierOwner,
): LoginRow {
  using verifier = unwrapVerifier(serviceKeys, from, login);
  return verifier === undefined
    ? login
    : wrapVerifier(serviceKeys, to, login.salt, verifier.reveal());
}

/** An account with its login, and the change of it that both were read at. */
export type Verified = {
  readonly account: Account;
  readonly generation: number;
  readonly login: LoginRow;
};

/**
 * The account, if the password is right and it is not closed. An unknown account (undefined) takes the same work as a wrong
 * password.
 */
export async function verifyPassword(
  { store, serviceKeys }: Pick<VaultDeps, "store" | "serviceKeys">,
  owner: AccountId | undefined,
  password: Secret | TypedPassword,
): Promise<Verified | undefined> {
  const found = owner === undefined ? undefined : await readBound(store, owner);
  return (await isRight(serviceKeys, found, TypedPassword.of(password))) ? found : undefined;
}

/**
 * Whether a password is that of an account as it was read. Where nothing can be right it takes as much work.
 * @throws OtherSalt when the password has keys that are remembered, for another salt.
 */
export async function isRight(
  serviceKeys: ServiceKeys,
  found: Verified | undefined,
  password: TypedPassword,
): Promise<boolean> {
  using expected = found && expectedOf(serviceKeys, found);
  const salt = expected === undefined || found === undefined ? newSalt() : found.login.salt;
  const { verifier: given } = await password.keysFor(salt);
  const isEqual = equalBytes(given.reveal(), expected?.reveal() ?? randomBytes(VERIFIER_BYTES));
  return isEqual && expected !== undefined;
}

function expectedOf(serviceKeys: ServiceKeys, { account, generation, login }: Verified) {
  return unwrapVerifier(serviceKeys, { owner: account.id, generation }, login);
}

/** An open account as it is at its last change; undefined where its row and the log do not tell the same. */
async function readBound(store: Store, owner: AccountId): Promise<Verified | undefined> {
  for (let attempt = 0; attempt < READS; attempt += 1) {
    const binding = await readBinding(store, owner);
    const read = await readAccount(store, owner);
    if (read === undefined || binding === undefined) return undefined;
    // It was changed between the two.
    if (read.generation !== binding.generation) continue;
    return read.account.closedAt === undefined ? read : undefined;
  }
  return undefined;
}

/** An open account, and which slots count at its generation. */
export type BoundAccount = Verified & { readonly binding: Binding };

/**
 * As it is read for `verifyPassword`, by its address: an open account. Undefined also when it is changed at this moment, where
 * `verifyPassword` reads it again.
 */
export async function findBound(
  store: Store,
  address: EmailAddress,
): Promise<BoundAccount | undefined> {
  const read = await findAccountRow(store, address);
  if (read === undefined || read.account.closedAt !== undefined) return undefined;
  const binding = await readBinding(store, read.account.id);
  return binding?.generation === read.generation ? { ...read, binding } : undefined;
}

/** The salt for a new password slot: that of the login where both take the same password, else one of its own. */
export async function saltForSlot(
  deps: Pick<VaultDeps, "store" | "serviceKeys">,
  owner: AccountId,
  password: TypedPassword,
): Promise<Uint8Array> {
  const verified = await verifyPassword(deps, owner, password);
  return verified?.login.salt ?? newSalt();
}

function context({ owner, generation }: VerifierOwner): readonly string[] {
  return ["login", owner, String(generation), PASSWORD_KDF];
}
