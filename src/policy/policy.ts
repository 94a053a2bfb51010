/**
 * Policy: what happens to mail for somebody who has no certificate.
 *
 *     require         refuse it
 *     prefer-pickup   leave it on a protected page, where there is one; else as `require`
 *     prefer-clear    send it in clear
 *     off             never seal
 *
 * A policy can be set for the installation, a domain, a user and a contact. The nearest one wins, unless a domain enforces its
 * own `require`. A policy is asked only when it is certain that there is no certificate: uncertainty is never a reason to send
 * in clear (`outgoing/plan.ts`).
 */
import type { Account, Policy } from "../words/account.ts";

/** What is set at each level. `enforced` keeps users and contact rules from weakening a domain's `require`. */
export type PolicyLevels = {
  readonly installation: Policy;
  readonly domain?: DomainPolicy | undefined;
  readonly user?: Policy | undefined;
  readonly contact?: Policy | undefined;
};

/** What a domain's owner set. */
export type DomainPolicy = { readonly policy: Policy; readonly enforced: boolean };

/** What the configuration says: for the installation, and for the domains that have their own. */
export type PolicySettings = {
  readonly default: Policy;
  readonly domains: Readonly<Record<string, DomainPolicy>>;
};

/** The policy that holds for what an account sends, where its user has no rule for a recipient. */
export function policyOf(
  settings: PolicySettings,
  account: Pick<Account, "address" | "policy">,
): Policy {
  return policyInForce(levelsOf(settings, account));
}

/** What is set for an account at each level but that of contacts. */
export function levelsOf(
  settings: PolicySettings,
  { address, policy }: Pick<Account, "address" | "policy">,
): Omit<PolicyLevels, "contact"> {
  const domain = settings.domains[address.domain];
  return { installation: settings.default, domain, user: policy };
}

/** The nearest level that says something wins, except that an enforced `require` stands above all. */
export function policyInForce(levels: PolicyLevels): Policy {
  const { installation, domain, user, contact } = levels;
  if (domain?.enforced === true && domain.policy === "require") return "require";
  return contact ?? user ?? domain?.policy ?? installation;
}

/** The policies, the strictest first. */
const STRICTEST_FIRST: readonly Policy[] = ["require", "prefer-pickup", "prefer-clear", "off"];

/** The stricter of two policies. */
export function stricterOf(one: Policy, other: Policy): Policy {
  return STRICTEST_FIRST.indexOf(one) <= STRICTEST_FIRST.indexOf(other) ? one : other;
}
