import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import { lockAccount } from "../store/accounts/account-locks.ts";
import { readAccount, updatePolicy } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import type { AccountId, Policy } from "../words/account.ts";

/** A user's own policy as it is to be; undefined: none, so that the domain's or the installation's holds. */
export type PolicyWish = {
  readonly account: AccountId;
  readonly policy: Policy | undefined;
  /** Who changes it, for the audit log. */
  readonly by: "operator";
};

/** In the audit log, in place of a policy of the user's own. */
const INHERIT = "inherit";

/**
 * Sets or removes a user's own policy, in one moment with its audit row. `unchanged`: it is that already, and nothing is
 * written. `gone`: the account was erased meanwhile.
 */
export async function changePolicy(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { account, policy, by }: PolicyWish,
): Promise<"changed" | "unchanged" | "gone"> {
  return store.transaction(async (tx) => {
    await lockAccount(tx, account);
    const read = await readAccount(tx, account);
    if (read === undefined) return "gone";
    const before = read.account.policy;
    if (before === policy) return "unchanged";
    await updatePolicy(tx, account, policy);
    const detail = { from: before ?? INHERIT, to: policy ?? INHERIT, by };
    await appendAudit(tx, { at: clock.now(), action: "policy.changed", account, detail });
    return "changed";
  });
}
