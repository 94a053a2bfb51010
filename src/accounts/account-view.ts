/** An account as it is shown: to the operator now, to its user later. */
import { policyOf, type PolicySettings } from "../policy/policy.ts";
import { findPublished, type PublishedCertificate } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import type { Account, Policy } from "../words/account.ts";

/** An account, the policy that holds for its mail, and the active key of its primary address. */
export type AccountView = Account & {
  readonly policyInForce: Policy;
  readonly fingerprint: PublishedCertificate["fingerprint"] | undefined;
};

/** Looks up what an account is shown with. */
export async function viewAccount(
  deps: { readonly store: Store; readonly policies: PolicySettings },
  account: Account,
): Promise<AccountView> {
  const published = await findPublished(deps.store, account.address);
  return {
    ...account,
    policyInForce: policyOf(deps.policies, account),
    fingerprint: published?.fingerprint,
  };
}
