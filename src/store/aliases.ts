import { fromUnixMs } from "../base/time.ts";
import { canonicalAddress, formatAddress, type EmailAddress } from "../mail/address.ts";
import { addressFrom } from "./row.ts";
import type { Store } from "./store.ts";

/** Another address of an account, with a certificate of its own. */
export type Alias = { readonly address: EmailAddress; readonly createdAt: Date };

/** Adds an alias; false when the address is one already. */
export async function insertAlias(
  store: Store,
  account: EmailAddress,
  alias: Alias,
): Promise<boolean> {
  const added = await store.db
    .insertInto("aliases")
    .values({
      address: canonicalAddress(alias.address),
      mailbox: formatAddress(alias.address),
      account: canonicalAddress(account),
      created_at: alias.createdAt.getTime(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("address")
    .executeTakeFirst();
  return added !== undefined;
}

/** The account that an alias leads to. */
export async function findAliased(
  store: Store,
  alias: EmailAddress,
): Promise<EmailAddress | undefined> {
  const row = await store.db
    .selectFrom("aliases")
    .innerJoin("accounts", "accounts.address", "aliases.account")
    .select("accounts.mailbox")
    .where("aliases.address", "=", canonicalAddress(alias))
    .executeTakeFirst();
  return row === undefined ? undefined : addressFrom(row.mailbox);
}

/** The aliases of an account in the order of their addresses. */
export async function listAliases(store: Store, account: EmailAddress): Promise<readonly Alias[]> {
  const rows = await store.db
    .selectFrom("aliases")
    .select(["mailbox", "created_at"])
    .where("account", "=", canonicalAddress(account))
    .orderBy("address")
    .execute();
  return rows.map((row) => ({
    address: addressFrom(row.mailbox),
    createdAt: fromUnixMs(row.created_at),
  }));
}

/** Deletes an alias of an account; false when it has no such alias. */
export async function deleteAlias(
  store: Store,
  account: EmailAddress,
  alias: EmailAddress,
): Promise<boolean> {
  const deleted = await store.db
    .deleteFrom("aliases")
    .where("account", "=", canonicalAddress(account))
    .where("address", "=", canonicalAddress(alias))
    .executeTakeFirst();
  return deleted.numDeletedRows > 0n;
}
