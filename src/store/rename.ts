import { canonicalAddress, formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";
import { renameTombstones } from "./tombstones.ts";

/**
 * Gives an account another address as its name, with all that refers to it; in the caller's transaction. What is bound to
 * the name by its wrapping is the caller's to wrap anew.
 */
export async function renameAccount(
  store: Store,
  from: EmailAddress,
  to: EmailAddress,
): Promise<void> {
  const { db } = store;
  const [old, name] = [canonicalAddress(from), canonicalAddress(to)];
  const row = await db
    .selectFrom("accounts")
    .selectAll()
    .where("address", "=", old)
    .executeTakeFirstOrThrow();
  await db
    .insertInto("accounts")
    .values({ ...row, address: name, mailbox: formatAddress(to) })
    .execute();
  await db.updateTable("master_keys").set({ owner: name }).where("owner", "=", old).execute();
  for (const table of [
    "aliases",
    "former_addresses",
    "mailbox_certificates",
    "messages",
    "outbox",
  ] as const) {
    await db.updateTable(table).set({ account: name }).where("account", "=", old).execute();
  }
  await renameTombstones(store, old, name);
  await db.deleteFrom("accounts").where("address", "=", old).execute();
}
