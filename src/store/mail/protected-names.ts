/**
 * What names the messages that left encrypted, by tags of their Message-IDs: a follow-up to one must not leave in clear, also
 * where the sender's mailbox has no copy of it.
 */
import { after, DAY } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";

/** How long a name is kept. Nobody can fill the table but who sends, and a row is small. */
const NAME_LIFE_MS = 400 * DAY;

/** Keeps a name; a message that is sent once more is named once. */
export async function insertProtectedName(
  store: Store,
  account: AccountId,
  name: string,
  now: Date,
): Promise<void> {
  const at = now.getTime();
  await store.db
    .insertInto("protected_names")
    .values({ account, name, at })
    .onConflict((conflict) => conflict.columns(["account", "name"]).doUpdateSet({ at }))
    .execute();
}

/** Whether one of the messages with these tags left encrypted. */
export async function hasProtectedName(
  store: Store,
  account: AccountId,
  names: readonly string[],
): Promise<boolean> {
  if (names.length === 0) return false;
  const row = await store.db
    .selectFrom("protected_names")
    .select("name")
    .where("account", "=", account)
    .where("name", "in", names)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Deletes names that were kept long enough. */
export async function purgeProtectedNames(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("protected_names")
    .where("at", "<=", after(now, -NAME_LIFE_MS).getTime())
    .execute();
}
