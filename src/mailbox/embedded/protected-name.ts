import { makeTag } from "../../store/keys/tag-key.ts";
import { insertProtectedName } from "../../store/mail/protected-names.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import { nameTag } from "./names.ts";

/**
 * What notes that a message left encrypted, in the transaction in which it is accepted: `cameProtected` knows it by that,
 * also where the mailbox has no copy of it.
 * @throws AppError (temporary) when no service key that is here opens the key of tags; nothing has left then
 */
export async function protectedName(
  store: Store,
  account: AccountId,
  messageId: string,
): Promise<(tx: Store, now: Date) => Promise<void>> {
  const name = await makeTag(store, ...nameTag(account, messageId));
  return async (tx, now) => insertProtectedName(tx, account, name, now);
}
