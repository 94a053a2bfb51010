import type { Selectable } from "kysely";

import { fromUnixMs } from "../base/time.ts";
import { canonicalAddress, formatAddress, type EmailAddress } from "../mail/address.ts";
import { addressFrom, wordFrom } from "./row.ts";
import type { Schema } from "./schema.ts";
import type { Store } from "./store.ts";

/** Who can use a user's secret key: the provider at any time, the provider while the user is logged in, or the user alone. */
export type Custody = "provider-usable" | "unlocks-at-login" | "user-device-only";

/** What happens to a recipient for whom there is no certificate (docs/use/states.md). */
export type Policy = "require" | "prefer-pickup" | "prefer-clear" | "off";

/** Somebody who may log in, with the address that is his name. `policy` is his own wish, if he has one. */
export type Account = {
  readonly address: EmailAddress;
  readonly custody: Custody;
  readonly policy: Policy | undefined;
  readonly createdAt: Date;
};

/** What a password is compared with. */
export type LoginHash = { readonly salt: Uint8Array; readonly hash: Uint8Array };

/** All words of `Custody`. */
export const CUSTODIES: readonly Custody[] = [
  "provider-usable",
  "unlocks-at-login",
  "user-device-only",
];

/** All words of `Policy`. */
export const POLICIES: readonly Policy[] = ["require", "prefer-pickup", "prefer-clear", "off"];

/** Adds an account; false when there is one with this address. */
export async function insertAccount(
  store: Store,
  account: Account,
  login: LoginHash,
): Promise<boolean> {
  const added = await store.db
    .insertInto("accounts")
    .values({
      address: canonicalAddress(account.address),
      mailbox: formatAddress(account.address),
      custody: account.custody,
      policy: account.policy ?? "",
      login_salt: login.salt,
      login_hash: login.hash,
      created_at: account.createdAt.getTime(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("address")
    .executeTakeFirst();
  return added !== undefined;
}

export async function readAccount(
  store: Store,
  address: EmailAddress,
): Promise<{ readonly account: Account; readonly login: LoginHash } | undefined> {
  const row = await store.db
    .selectFrom("accounts")
    .selectAll()
    .where("address", "=", canonicalAddress(address))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { account: fromRow(row), login: { salt: row.login_salt, hash: row.login_hash } };
}

/** All accounts, or those of one domain, in the order of their addresses. */
export async function listAccounts(store: Store, domain?: string): Promise<readonly Account[]> {
  const rows = await store.db.selectFrom("accounts").selectAll().orderBy("address").execute();
  return rows.map(fromRow).filter((one) => domain === undefined || one.address.domain === domain);
}

/** Sets or removes the user's own policy. */
export async function updatePolicy(
  store: Store,
  address: EmailAddress,
  policy: Policy | undefined,
): Promise<void> {
  await store.db
    .updateTable("accounts")
    .set({ policy: policy ?? "" })
    .where("address", "=", canonicalAddress(address))
    .execute();
}

function fromRow(row: Selectable<Schema["accounts"]>): Account {
  return {
    address: addressFrom(row.mailbox),
    custody: wordFrom(CUSTODIES, row.custody),
    policy: row.policy === "" ? undefined : wordFrom(POLICIES, row.policy),
    createdAt: fromUnixMs(row.created_at),
  };
}
