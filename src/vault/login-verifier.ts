/**
 * What a password is compared with. It is wrapped under the service key and bound to the account and its generation: the
 * database alone tells nobody whether a guess is right, and a row that was written back lets nobody in.
 */
import { randomBytes } from "node:crypto";

import { equalBytes } from "../base/bytes.ts";
import type { Secret } from "../base/secret.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import type { LoginRow } from "../store/accounts/logins.ts";
import type { Store } from "../store/store.ts";
import { readBinding } from "./binding.ts";
import type { ServiceKeys } from "./service-key.ts";
import { PASSWORD_KDF, TypedPassword } from "./typed-password.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrap, wrap } from "./wrap.ts";
import type { Account, AccountId } from "../words/account.ts";

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

/** The verifier of a row, or undefined when there is none, it is made in another way, or the row is not as it was written. */
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

/** An account whose password was right, and the change of it that this was seen at. */
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
  const typed = TypedPassword.of(password);
  const found = owner === undefined ? undefined : await readBound(store, owner);
  using expected = found && expectedOf(serviceKeys, found);
  // Where nothing can be right it takes as much work.
  const salt = expected === undefined || found === undefined ? newSalt() : found.login.salt;
  const { verifier: given } = await typed.keysFor(salt);
  const isRight = equalBytes(given.reveal(), expected?.reveal() ?? randomBytes(VERIFIER_BYTES));
  return isRight && expected !== undefined ? found : undefined;
}

function expectedOf(serviceKeys: ServiceKeys, { account, generation, login }: Verified) {
  return unwrapVerifier(serviceKeys, { owner: account.id, generation }, login);
}

/** An open account as it is at its last change; undefined where its row and the log do not tell the same. */
async function readBound(store: Store, owner: AccountId) {
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
