import { sql } from "kysely";

import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";
import { eraseFromFile } from "./published-file.ts";
import { disownGenericRevocations } from "./generic-revocations.ts";
import { disownTombstones } from "./tombstones.ts";

/**
 * Deletes every row of an account but what is published, in the caller's transaction; `addresses` are its own and its
 * aliases. `Store.forget` makes it physical afterwards.
 */
export async function eraseAccount(
  store: Store,
  owner: EmailAddress,
  addresses: readonly EmailAddress[],
): Promise<void> {
  const { db } = store;
  const account = canonicalAddress(owner);
  const names = addresses.map(canonicalAddress);
  if (store.publishedFile !== undefined) eraseFromFile(store.publishedFile, { addresses });
  await db.deleteFrom("messages").where("account", "=", account).execute();
  await db.deleteFrom("outbox").where("sender", "in", names).execute();
  await db.deleteFrom("cached_certificates").where("address", "in", names).execute();
  await db.deleteFrom("author_keys").where("author", "in", names).execute();
  await db.deleteFrom("author_answers").where("author", "in", names).execute();
  const masterKeys = db.selectFrom("master_keys").select("id").where("owner", "=", account);
  await db.deleteFrom("slots").where("master_key", "in", masterKeys).execute();
  await db.deleteFrom("secret_keys").where("master_key", "in", masterKeys).execute();
  await db.deleteFrom("master_keys").where("owner", "=", account).execute();
  await db.deleteFrom("mailbox_certificates").where("account", "=", account).execute();
  for (const name of names) {
    const pattern = `%${name.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
    const mentions = db
      .selectFrom("trace")
      .select("message_id")
      .where(sql<boolean>`detail like ${pattern} escape '\\'`);
    await db.deleteFrom("trace").where("message_id", "in", mentions).execute();
  }
  await disownTombstones(store, account);
  await disownGenericRevocations(store, owner);
  await db.deleteFrom("aliases").where("account", "=", account).execute();
  await db.deleteFrom("accounts").where("address", "=", account).execute();
}
