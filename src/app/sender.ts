/** A login at the submission port as the sender of mail, and whether it still is one. */
import type { Config } from "../config/config.ts";
import type { Login } from "../login/login.ts";
import type { Sender } from "../outgoing/submit-deps.ts";
import { senderPolicy } from "../policy/contact-rules.ts";
import { policyInForce } from "../policy/policy.ts";
import { readStanding } from "../store/accounts/standing.ts";
import type { Store } from "../store/store.ts";
import { bindingOf } from "../vault/binding.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";

/** A login whose password was right. */
export type LoggedIn = Pick<Extract<Login, { kind: "ok" }>, "account" | "keys" | "generation">;

export type SenderDeps = {
  readonly store: Store;
  /** The configuration as it is now. */
  readonly current: () => Pick<Config, "policy">;
};

/** A login at the submission port. What else decides about its mail is read again with each message. */
export type SubmissionLogin = Pick<
  Sender,
  "account" | "address" | "keys" | "closed" | "generation"
>;

/** What the port keeps of a login whose password was right. */
export function submissionLogin(login: Extract<Login, { kind: "ok" }>): SubmissionLogin {
  const { account, keys, generation } = login;
  const { id, address } = account;
  return { account: id, address, keys, generation, closed: closedOf(login) };
}

/** Why a right password opened no keys. */
function closedOf({ isLocked, account }: Extract<Login, { kind: "ok" }>): Sender["closed"] {
  if (!isLocked) return undefined;
  return account.custody === "user-device-only" ? "on-device" : "password-changed";
}

/**
 * The sender as the account is now: its addresses and its policy. Undefined after anything that opens the account was
 * changed since the login, in whichever process. A key that was revoked since signs nothing any more: the user logs in
 * again and has the new one.
 */
export async function stillCurrent(
  deps: SenderDeps,
  login: SubmissionLogin,
): Promise<Sender | undefined> {
  const standing = await readStanding(deps.store, login.account);
  if (standing === undefined || standing.account.closedAt !== undefined) return undefined;
  const { keys, generation, closed } = login;
  // All of one moment: what was changed before it has another generation.
  const binding = await bindingOf(deps.store, login.account, standing.said);
  if (binding?.generation !== generation) return undefined;
  const { account, addresses } = standing;
  const policies = await senderPolicy(deps.store, deps.current().policy, standing);
  const areCurrent = addresses.every(({ address, published }) => {
    const own = keys.for(address)?.fingerprint;
    return own === undefined || own === published?.fingerprint;
  });
  return {
    account: account.id,
    address: account.address,
    addresses: addresses.map(({ address }) => address),
    policy: policyInForce(policies.levels),
    policies,
    digest: standing.account.digest,
    parts: new Map(addresses.map(({ address, part }) => [address.domain, part])),
    keys: areCurrent ? keys : UnlockedKeys.none(),
    generation,
    closed,
  };
}
