import type { AccountId } from "../../words/account.ts";
import { DIGEST_WISHES, type DigestWish } from "../../words/digest.ts";
import { wordFrom } from "../engine/row.ts";
import type { Store } from "../store.ts";

/** What a user said about their digest; undefined also where there is no such account. */
export async function readDigestWish(
  store: Store,
  account: AccountId,
): Promise<DigestWish | undefined> {
  const row = await store.db
    .selectFrom("accounts")
    .select("digest")
    .where("id", "=", account)
    .executeTakeFirst();
  return row === undefined || row.digest === "" ? undefined : wordFrom(DIGEST_WISHES, row.digest);
}

export async function updateDigestWish(
  store: Store,
  account: AccountId,
  wish: DigestWish | undefined,
): Promise<void> {
  await store.db
    .updateTable("accounts")
    .set({ digest: wish ?? "" })
    .where("id", "=", account)
    .execute();
}
