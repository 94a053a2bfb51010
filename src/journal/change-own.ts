import type { Clock } from "../base/time.ts";
import { lockAccount } from "../store/accounts/account-locks.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import type { Account, AccountId } from "../words/account.ts";
import { appendAudit } from "./journal.ts";

/** What of an account is a user's own choice, as it is to be; undefined: they have none, so that another level's holds. */
export type OwnChoice<Value extends string> = {
  readonly account: AccountId;
  readonly to: Value | undefined;
  /** Who changes it, for the audit log. */
  readonly by: "operator";
  readonly action: string;
  /** In the audit log, in place of a choice of the user's own. */
  readonly none: string;
  readonly before: (account: Account) => Value | undefined;
  readonly write: (tx: Store) => Promise<void>;
};

/** What came of changing a choice. */
export type OwnChange =
  | { readonly kind: "changed" }
  /** It is that already, and nothing is written. */
  | { readonly kind: "unchanged" }
  /** The account was erased meanwhile. */
  | { readonly kind: "no-account" };

/** Sets or removes a user's own choice, in one moment with its audit row. */
export async function changeOwn<Value extends string>(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  { account, to, by, action, none, before, write }: OwnChoice<Value>,
): Promise<OwnChange> {
  return store.transaction(async (tx) => {
    await lockAccount(tx, account);
    const read = await readAccount(tx, account);
    if (read === undefined) return { kind: "no-account" };
    const from = before(read.account);
    if (from === to) return { kind: "unchanged" };
    await write(tx);
    const detail = { from: from ?? none, to: to ?? none, by };
    await appendAudit(tx, { at: clock.now(), action, account, detail });
    return { kind: "changed" };
  });
}
