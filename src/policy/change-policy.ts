import { changeOwn, type OwnChange, type OwnChoice } from "../journal/change-own.ts";
import { updatePolicy } from "../store/accounts/accounts.ts";
import type { Policy } from "../words/account.ts";

/** A user's own policy as it is to be; undefined: none, so that the domain's or the installation's holds. */
export type PolicyWish = Pick<OwnChoice<Policy>, "account" | "by"> & {
  readonly policy: Policy | undefined;
};

/** Sets or removes a user's own policy, in one moment with its audit row. */
export async function changePolicy(
  deps: Parameters<typeof changeOwn>[0],
  { account, policy, by }: PolicyWish,
): Promise<OwnChange> {
  return changeOwn(deps, {
    account,
    to: policy,
    by,
    action: "policy.changed",
    none: "inherit",
    before: (read) => read.policy,
    write: async (tx) => updatePolicy(tx, account, policy),
  });
}
