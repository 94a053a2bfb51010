import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { eraseTrace } from "./erase-trace.ts";
import { listFormerAddresses } from "./former-addresses.ts";
import type { Store } from "./store.ts";
import { eraseFromPublishedFile } from "./published-file-of.ts";
import { disownGenericRevocations } from "./generic-revocations.ts";
import { disownTombstones } from "./tombstones.ts";

/**
 * Deletes every row of an account but what is published, in the caller's transaction; `addresses` are its own and its
 * aliases; what names those that it gave up a short time ago goes too. `Store.forget` makes it physical afterwards.
 */
export async function eraseAccount(
  store: Store,
  owner: EmailAddress,
  addresses: readonly EmailAddress[],
): Promise<void> {
  const { db } = store;
  const account = canonicalAddress(owner);
  const former = await listFormerAddresses(store, owner);
  const names = [...new Set([...addresses.map(canonicalAddress), ...former])];
  await eraseFromPublishedFile(store, { addresses });
  await db.deleteFrom("messages").where("account", "=", account).execute();
  await db.deleteFrom("outbox").where("account", "=", account).execute();
  await db.deleteFrom("cached_certificates").where("address", "in", names).execute();
  await db.deleteFrom("author_keys").where("author", "in", names).execute();
  await db.deleteFrom("author_answers").where("author", "in", names).execute();
  await db.deleteFrom("unusable_answers").where("address", "in", names).execute();
  const masterKeys = db.selectFrom("master_keys").select("id").where("owner", "=", account);
  await db.deleteFrom("slots").where("master_key", "in", masterKeys).execute();
  await db.deleteFrom("secret_keys").where("master_key", "in", masterKeys).execute();
  await db.deleteFrom("master_keys").where("owner", "=", account).execute();
  await db.deleteFrom("mailbox_certificates").where("account", "=", account).execute();
  for (const name of names) await eraseTrace(store, name);
  await db.deleteFrom("former_addresses").where("account", "=", account).execute();
  await disownTombstones(store, account);
  await disownGenericRevocations(store, owner);
  await db.deleteFrom("aliases").where("account", "=", account).execute();
  await db.deleteFrom("accounts").where("address", "=", account).execute();
}
