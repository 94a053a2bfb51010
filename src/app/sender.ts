/** A login at the submission port as the sender of mail, and whether it still is one. */
import type { Config } from "../config/config.ts";
import { readBinding } from "../vault/binding.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { Login } from "../login/login.ts";
import type { Sender } from "../outgoing/outgoing.ts";
import { policyOf } from "../policy/policy.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import { findPublished } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";

/** A login whose password was right. */
export type LoggedIn = Pick<Extract<Login, { kind: "ok" }>, "account" | "keys" | "generation">;

export type SenderDeps = {
  readonly store: Store;
  /** The configuration as it is now. */
  readonly current: () => Pick<Config, "policy">;
};

/** The sender that a login is. */
export async function senderOf(
  deps: SenderDeps,
  login: Extract<Login, { kind: "ok" }>,
): Promise<Sender> {
  const { account, keys, generation } = login;
  return withAddresses(deps, { account, keys, generation, closed: closedOf(login) });
}

/** Why a right password opened no keys. */
function closedOf({ isLocked, account }: Extract<Login, { kind: "ok" }>): Sender["closed"] {
  if (!isLocked) return undefined;
  return account.custody === "user-device-only" ? "on-device" : "password-changed";
}

async function withAddresses(
  { store, current }: SenderDeps,
  { account, keys, generation, closed }: LoggedIn & Pick<Sender, "closed">,
): Promise<Sender> {
  return {
    account: account.id,
    address: account.address,
    addresses: await listAddresses(store, account.id),
    policy: policyOf(current().policy, account),
    keys,
    generation,
    closed,
  };
}

/**
 * The sender as the account is now: its addresses and its policy. Undefined after anything that opens the account was
 * changed since the login, in whichever process. A key that was revoked since signs nothing any more: the user logs in
 * again and has the new one.
 */
export async function stillCurrent(deps: SenderDeps, login: Sender): Promise<Sender | undefined> {
  const { store } = deps;
  const account = (await readAccount(store, login.account))?.account;
  if (account === undefined || account.closedAt !== undefined) return undefined;
  const { keys, generation, closed } = login;
  if ((await readBinding(store, login.account))?.generation !== generation) return undefined;
  const sender = await withAddresses(deps, { account, keys, generation, closed });
  for (const address of sender.addresses) {
    const own = sender.keys.for(address)?.fingerprint;
    if (own === undefined) continue;
    const published = await findPublished(store, address);
    if (published?.fingerprint !== own) return { ...sender, keys: UnlockedKeys.none() };
  }
  return sender;
}
