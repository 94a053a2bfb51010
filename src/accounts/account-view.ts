/** An account as it is shown: to the operator now, to its user later. */
import { policyOf, type PolicySettings } from "../policy/policy.ts";
import { findPublished, type PublishedCertificate } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import type { Account, LastingCustody, Policy } from "../words/account.ts";
import type { Language } from "../words/language.ts";

/** An account, the policy that holds for its mail, the language that its user is written to in, and the active key of its primary address. */
export type AccountView = Omit<Account, "custody"> & {
  readonly custody: LastingCustody;
  /** The provider can use the keys until the first login, and no longer. */
  readonly isProvisional: boolean;
  readonly policyInForce: Policy;
  readonly languageInForce: Language;
  readonly fingerprint: PublishedCertificate["fingerprint"] | undefined;
};

/** Looks up what an account is shown with. */
export async function viewAccount(
  deps: {
    readonly store: Store;
    readonly policies: PolicySettings;
    /** The installation's. */
    readonly language: Language;
  },
  account: Account,
): Promise<AccountView> {
  const published = await findPublished(deps.store, account.address);
  return {
    ...account,
    custody: shownCustody(account),
    isProvisional: account.custody === "provisional",
    policyInForce: policyOf(deps.policies, account),
    languageInForce: account.language ?? deps.language,
    fingerprint: published?.fingerprint,
  };
}

/** Who can use the keys now, in the words for people and programs: until the first login that is the provider. */
export function shownCustody({ custody }: Pick<Account, "custody">): LastingCustody {
  return custody === "provisional" ? "provider-usable" : custody;
}
