/** What is counted for the digest when a message leaves in clear. */
import { DAY, type Clock } from "../../base/time.ts";
import { readDigestWish } from "../../store/accounts/digest-wish.ts";
import { countClear } from "../../store/mail/clear-counts.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import { isDigestOn } from "../../words/digest.ts";
import type { Also } from "../hand-on.ts";

/**
 * Prepares to count a message that leaves in clear because of these states of recipients, in the transaction in which it is
 * accepted. Undefined: it does not leave in clear because of anybody, or its sender gets no digest.
 */
export type CountInClear = (
  account: AccountId,
  because: readonly string[],
) => Promise<Also | undefined>;

/** `isDefault`: whether those get the digest who said nothing. */
export function countInClear({
  store,
  clock,
  isDefault,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly isDefault: boolean;
}): CountInClear {
  return async (account, because) => {
    if (because.length === 0) return undefined;
    if (!isDigestOn(await readDigestWish(store, account), isDefault)) return undefined;
    return async (tx) => countClear(tx, account, { day: dayOf(clock.now()), reasons: because });
  };
}

/** The day of a moment, in UTC, from 1970 on. */
export function dayOf(at: Date): number {
  return Math.floor(at.getTime() / DAY);
}
