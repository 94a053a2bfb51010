/** The table of accounts. `logins.ts` has its columns about passwords, `account-locks.ts` the locks on its rows. */
import type { Selectable } from "kysely";

import { fromUnixMs } from "../base/time.ts";
import { canonicalAddress, formatAddress, type EmailAddress } from "../mail/address.ts";
import { loginColumns, loginFrom, NO_LOGIN, type LoginRow } from "./logins.ts";
import { addressFrom, timeOrNone, wordFrom } from "./row.ts";
import type { Schema } from "./schema.ts";
import type { Store } from "./store.ts";

/** Who can use a user's secret key: the provider at any time, the provider while the user is logged in, or the user alone. */
export type Custody = "provider-usable" | "unlocks-at-login" | "user-device-only";

/** What happens to a recipient for whom there is no certificate (docs/use/states.md). */
export type Policy = "require" | "prefer-pickup" | "prefer-clear" | "off";

/** Which key pair protects the mailbox at rest: the one that others seal to, or one of its own. */
export type MailboxKey = "same" | "separate";

/** Somebody who may log in, and the address that is their name. `policy` is their own wish, if they have one. */
export type Account = {
  readonly address: EmailAddress;
  readonly custody: Custody;
  readonly policy: Policy | undefined;
  readonly createdAt: Date;
  /** When the account was closed; its keys and mail are deleted some time later. */
  readonly closedAt?: Date;
  readonly mailboxKey: MailboxKey;
  /** Until when the provider could use the keys without the user; the custody is stricter since. */
  readonly providerUntil?: Date;
};

/** All words of `Custody`. */
export const CUSTODIES: readonly Custody[] = [
  "provider-usable",
  "unlocks-at-login",
  "user-device-only",
];

const MAILBOX_KEYS: readonly MailboxKey[] = ["same", "separate"];

/** All words of `Policy`. */
export const POLICIES: readonly Policy[] = ["require", "prefer-pickup", "prefer-clear", "off"];

/** Adds an account at a generation; false when there is one with this address. */
export async function insertAccount(
  store: Store,
  account: Account,
  login: LoginRow = NO_LOGIN,
  generation = 0,
): Promise<boolean> {
  const added = await store.db
    .insertInto("accounts")
    .values({
      address: canonicalAddress(account.address),
      mailbox: formatAddress(account.address),
      custody: account.custody,
      policy: account.policy ?? "",
      ...loginColumns(login),
      generation,
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
): Promise<
  { readonly account: Account; readonly login: LoginRow; readonly generation: number } | undefined
> {
  const row = await store.db
    .selectFrom("accounts")
    .selectAll()
    .where("address", "=", canonicalAddress(address))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { account: fromRow(row), login: loginFrom(row), generation: row.generation };
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

/** What may change in an account; what is absent stays. */
export type AccountChange = {
  readonly custody?: Custody;
  readonly mailboxKey?: MailboxKey;
  readonly providerUntil?: Date;
  /** Null opens a closed account again. */
  readonly closedAt?: Date | null;
};

/** Changes an account. */
export async function updateAccount(
  store: Store,
  address: EmailAddress,
  change: AccountChange,
): Promise<void> {
  const { custody, mailboxKey, providerUntil, closedAt } = change;
  await store.db
    .updateTable("accounts")
    .set({
      ...(custody === undefined ? {} : { custody }),
      ...(mailboxKey === undefined ? {} : { mailbox_key: mailboxKey }),
      ...(providerUntil === undefined ? {} : { provider_until: providerUntil.getTime() }),
      ...(closedAt === undefined
        ? {}
        : {
            state: closedAt === null ? "open" : "closed",
            closed_at: closedAt?.getTime() ?? 0,
          }),
    })
    .where("address", "=", canonicalAddress(address))
    .execute();
}

/** The accounts that were closed before a moment. */
export async function listClosedAccounts(store: Store, before: Date): Promise<readonly Account[]> {
  const rows = await store.db
    .selectFrom("accounts")
    .selectAll()
    .where("state", "=", "closed")
    .where("closed_at", "<", before.getTime())
    .orderBy("address")
    .execute();
  return rows.map(fromRow);
}

/** Open accounts that have no master key yet, and whose key is not on a device; the oldest first. */
export async function listAccountsWithoutKeys(
  store: Store,
  limit: number,
): Promise<readonly Account[]> {
  const rows = await store.db
    .selectFrom("accounts")
    .selectAll()
    .where("state", "=", "open")
    .where("custody", "<>", "user-device-only")
    .where((row) =>
      row.not(
        row.exists(
          row
            .selectFrom("master_keys")
            .select("id")
            .whereRef("master_keys.owner", "=", "accounts.address")
            .where("master_keys.state", "=", "current"),
        ),
      ),
    )
    .orderBy("created_at")
    .orderBy("address")
    .limit(limit)
    .execute();
  return rows.map(fromRow);
}

function fromRow(row: Selectable<Schema["accounts"]>): Account {
  const providerUntil = timeOrNone(row.provider_until);
  return {
    address: addressFrom(row.mailbox),
    custody: wordFrom(CUSTODIES, row.custody),
    policy: row.policy === "" ? undefined : wordFrom(POLICIES, row.policy),
    createdAt: fromUnixMs(row.created_at),
    mailboxKey: wordFrom(MAILBOX_KEYS, row.mailbox_key),
    ...(row.state === "closed" ? { closedAt: fromUnixMs(row.closed_at) } : {}),
    ...(providerUntil === undefined ? {} : { providerUntil }),
  };
}
