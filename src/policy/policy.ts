import type { Policy } from "../words/account.ts";
/** Which policy holds for a message: the levels at which one may be set, and which of them wins. */

/** What is set at each level. `enforced` keeps users and contact rules from weakening a domain's `require`. */
export type PolicyLevels = {
  readonly installation: Policy;
  readonly domain?: { readonly policy: Policy; readonly enforced: boolean } | undefined;
  readonly user?: Policy | undefined;
  readonly contact?: Policy | undefined;
};

/** The nearest level that says something wins, except that an enforced `require` stands above all. */
export function policyInForce(levels: PolicyLevels): Policy {
  const { installation, domain, user, contact } = levels;
  if (domain?.enforced === true && domain.policy === "require") return "require";
  return contact ?? user ?? domain?.policy ?? installation;
}
