/** What is counted for the digest when a message leaves in clear. */
import { DAY, type Clock } from "../../base/time.ts";
import { countClear } from "../../store/mail/clear-counts.ts";
import type { AccountId } from "../../words/account.ts";
import { isDigestOn, type DigestWish } from "../../words/digest.ts";
import type { Also } from "../hand-on.ts";

/**
 * Counts a message that leaves in clear because of these states of recipients, in the transaction in which it is accepted.
 * Undefined: it does not leave in clear because of anybody, or its sender gets no digest.
 */
export type CountInClear = (
  sender: { readonly account: AccountId; readonly digest: DigestWish | undefined },
  because: readonly string[],
) => Also | undefined;

/** `isDefault`: whether those get the digest who said nothing. */
export function countInClear({
  clock,
  isDefault,
}: {
  readonly clock: Clock;
  readonly isDefault: boolean;
}): CountInClear {
  return ({ account, digest }, because) => {
    if (because.length === 0 || !isDigestOn(digest, isDefault)) return undefined;
    return async (tx) => countClear(tx, account, { day: dayOf(clock.now()), reasons: because });
  };
}

/** The day of a moment, in UTC, from 1970 on. */
export function dayOf(at: Date): number {
  return Math.floor(at.getTime() / DAY);
}
