/** A login at the submission port as the sender of mail, and whether it still is one. */
import type { Config } from "../config/config.ts";
import type { Login } from "../login/login.ts";
import type { Domain } from "../mail/address.ts";
import type { Sender } from "../outgoing/submit-deps.ts";
import { rulesOf, type ContactRules } from "../policy/contact-rules.ts";
import { levelsOf, policyInForce } from "../policy/policy.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import { readStanding } from "../store/accounts/standing.ts";
import type { Store } from "../store/store.ts";
import { bindingOf } from "../vault/binding.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { Part } from "../words/rollout.ts";

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
  const addresses = await listAddresses(deps.store, account.id);
  const rules = await rulesOf(deps.store, account.id);
  const closed = closedOf(login);
  // They are read again with each message.
  const parts = new Map<Domain, Part>();
  return withAddresses(deps, { account, addresses, rules, parts, keys, generation, closed });
}

/** Why a right password opened no keys. */
function closedOf({ isLocked, account }: Extract<Login, { kind: "ok" }>): Sender["closed"] {
  if (!isLocked) return undefined;
  return account.custody === "user-device-only" ? "on-device" : "password-changed";
}

function withAddresses(
  { current }: SenderDeps,
  o: LoggedIn & Pick<Sender, "addresses" | "closed" | "parts"> & { readonly rules: ContactRules },
): Sender {
  const { account, rules, ...others } = o;
  const levels = levelsOf(current().policy, account);
  const { domains } = current().policy;
  const policies = { levels, domains, rules };
  const policy = policyInForce(levels);
  return { ...others, account: account.id, address: account.address, policy, policies };
}

/**
 * The sender as the account is now: its addresses and its policy. Undefined after anything that opens the account was
 * changed since the login, in whichever process. A key that was revoked since signs nothing any more: the user logs in
 * again and has the new one.
 */
export async function stillCurrent(deps: SenderDeps, login: Sender): Promise<Sender | undefined> {
  const standing = await readStanding(deps.store, login.account);
  if (standing === undefined || standing.account.closedAt !== undefined) return undefined;
  const { keys, generation, closed } = login;
  // All of one moment: what was changed before it has another generation.
  const binding = await bindingOf(deps.store, login.account, standing.said);
  if (binding?.generation !== generation) return undefined;
  const { account, addresses, hasRules } = standing;
  const rules: ContactRules = hasRules ? await rulesOf(deps.store, account.id) : new Map();
  const areCurrent = addresses.every(({ address, published }) => {
    const own = keys.for(address)?.fingerprint;
    return own === undefined || own === published?.fingerprint;
  });
  return withAddresses(deps, {
    account,
    addresses: addresses.map(({ address }) => address),
    rules,
    parts: new Map(addresses.map(({ address, part }) => [address.domain, part])),
    keys: areCurrent ? keys : UnlockedKeys.none(),
    generation,
    closed,
  });
}
