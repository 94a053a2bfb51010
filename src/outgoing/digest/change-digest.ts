import type { Clock } from "../../base/time.ts";
import { appendAudit } from "../../journal/journal.ts";
import { lockAccount } from "../../store/accounts/account-locks.ts";
import { readDigestWish, updateDigestWish } from "../../store/accounts/digest-wish.ts";
import { deleteClearCounts } from "../../store/mail/clear-counts.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import { isDigestOn, type DigestWish } from "../../words/digest.ts";

/** In the audit log, in place of what a user said. */
const DEFAULT = "default";

/** What came of a change; `unchanged`: nothing is written. */
export type DigestChange = { readonly kind: "changed" | "unchanged" | "no-account" };

/** Sets what a user said about their digest, with its audit row. Who gets none has nothing counted. */
export async function changeDigest(
  {
    store,
    clock,
    isDefault,
  }: { readonly store: Store; readonly clock: Clock; readonly isDefault: boolean },
  {
    account,
    wish,
    by,
  }: {
    readonly account: AccountId;
    /** Undefined: what the installation has. */
    readonly wish: DigestWish | undefined;
    readonly by: "operator";
  },
): Promise<DigestChange> {
  return store.transaction(async (tx) => {
    if (!(await lockAccount(tx, account))) return { kind: "no-account" };
    const before = await readDigestWish(tx, account);
    if (before === wish) return { kind: "unchanged" };
    await updateDigestWish(tx, account, wish);
    const detail = { from: before ?? DEFAULT, to: wish ?? DEFAULT, by };
    await appendAudit(tx, { at: clock.now(), action: "digest.changed", account, detail });
    if (!isDigestOn(wish, isDefault)) await deleteClearCounts(tx, account);
    return { kind: "changed" };
  });
}

/** What a user said about their digest, and whether they get one. */
export async function digestOf(
  store: Store,
  account: AccountId,
  isDefault: boolean,
): Promise<{ readonly wish: DigestWish | undefined; readonly isOn: boolean }> {
  const wish = await readDigestWish(store, account);
  return { wish, isOn: isDigestOn(wish, isDefault) };
}
