import { isDeferred } from "../store/mail/deferred.ts";
import { hasSealedWaiting } from "../store/spool/spool-rows.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { hasSealed } from "./embedded/names.ts";

/** True when one of these messages came sealed, or was sent so: an answer to it must not leave in clear. */
export async function cameProtected(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<boolean> {
  const isWaiting = async (): Promise<boolean> => hasSealedWaiting(store, account, messageIds);
  if (await isWaiting()) return true;
  if (await isDeferred(store, account, messageIds)) return true;
  if (await hasSealed(store, account, messageIds)) return true;
  // A message may have come to wait after it was asked for.
  return isWaiting();
}
