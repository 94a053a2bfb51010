/**
 * The table of accounts. `addresses.ts` has their addresses, `logins.ts` the columns about passwords, `account-locks.ts` the
 * locks.
 */
import { type Kysely, type Selectable, sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../../mail/address.ts";
import {
  CUSTODIES,
  MAILBOX_KEYS,
  POLICIES,
  type Account,
  type AccountId,
  type Custody,
  type MailboxKey,
  type Policy,
} from "../../words/account.ts";
import { DIGEST_WISHES, type DigestWish } from "../../words/digest.ts";
import { LANGUAGES, type Language } from "../../words/language.ts";
import { compiled } from "../engine/compiled.ts";
import { addressFrom, timeOrNone, wordFrom } from "../engine/row.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";
import { insertAddress } from "./addresses.ts";
import { loginColumns, loginFrom, NO_LOGIN, type LoginRow } from "./logins.ts";

/** Adds an account at a generation, with its primary address; false when the address is somebody's. */
export async function insertAccount(
  store: Store,
  account: Account,
  login: LoginRow = NO_LOGIN,
  generation = 0,
): Promise<boolean> {
  const { id, address, createdAt } = account;
  return store.transaction(async (tx) => {
    await tx.db
      .insertInto("accounts")
      .values({
        id,
        custody: account.custody,
        policy: account.policy ?? "",
        language: account.language ?? "",
        digest: account.digest ?? "",
        ...loginColumns(login),
        generation,
        created_at: createdAt.getTime(),
        mailbox_key: account.mailboxKey,
      })
      .execute();
    const owned = { address, account: id, state: "primary", since: createdAt } as const;
    const isAdded = await insertAddress(tx, owned);
    if (!isAdded) await tx.db.deleteFrom("accounts").where("id", "=", id).execute();
    return isAdded;
  });
}

/** An account with what its passwords are compared with, and the generation that both belong to. */
export type AccountRow = {
  readonly account: Account;
  readonly login: LoginRow;
  readonly generation: number;
};

export async function readAccount(store: Store, id: AccountId): Promise<AccountRow | undefined> {
  const row = await withAddress(store.db).where("accounts.id", "=", id).executeTakeFirst();
  return row && { account: accountFrom(row), login: loginFrom(row), generation: row.generation };
}

/** The account whose primary address this is. */
export async function findAccount(
  store: Store,
  address: EmailAddress,
): Promise<Account | undefined> {
  return (await findAccountRow(store, address))?.account;
}

/** As `findAccount`, with its login and its generation. */
export async function findAccountRow(
  store: Store,
  address: EmailAddress,
): Promise<AccountRow | undefined> {
  const row = await withAddress(store.db)
    .where("addresses.address", "=", canonicalAddress(address))
    .executeTakeFirst();
  return row && { account: accountFrom(row), login: loginFrom(row), generation: row.generation };
}

/** The account that has an address as its primary one or as an alias. */
export async function findAccountUsing(
  store: Store,
  address: EmailAddress,
): Promise<Account | undefined> {
  const row = await selectUsing(store, { address: canonicalAddress(address) }).executeTakeFirst();
  return row && accountFrom(row);
}

const selectUsing = compiled((db, { address }: { readonly address: string }) =>
  withAddress(db)
    .innerJoin("addresses as used", "used.account", "accounts.id")
    .where("used.address", "=", address)
    .where("used.state", "in", ["primary", "alias"]),
);

/** How many accounts are read at a time. */
const PAGE_SIZE = 500;

/** All accounts, or those of one domain, in the order of their addresses, page by page. */
export async function* walkAccounts(
  store: Store,
  domain?: string,
  pageSize = PAGE_SIZE,
): AsyncGenerator<Account> {
  for (let last = ""; ;) {
    const page = withAddress(store.db)
      .where("addresses.address", ">", last)
      .orderBy("addresses.address")
      .select("addresses.address")
      .limit(pageSize);
    const rows = await (
      domain === undefined ? page : page.where("addresses.domain", "=", domain)
    ).execute();
    yield* rows.map(accountFrom);
    const end = rows.at(-1);
    if (end === undefined || rows.length < pageSize) return;
    last = end.address;
  }
}

/** Sets or removes the user's own policy. */
export async function updatePolicy(
  store: Store,
  id: AccountId,
  policy: Policy | undefined,
): Promise<void> {
  await store.db
    .updateTable("accounts")
    .set({ policy: policy ?? "" })
    .where("id", "=", id)
    .execute();
}

/** What may change in an account; what is absent stays. */
export type AccountChange = {
  readonly custody?: Custody;
  readonly mailboxKey?: MailboxKey;
  readonly providerUntil?: Date;
  /** Null: the installation's. */
  readonly language?: Language | null;
  /** Null: nothing said. */
  readonly digest?: DigestWish | null;
  /** Null opens a closed account again. */
  readonly closedAt?: Date | null;
};

/** Changes an account. */
export async function updateAccount(
  store: Store,
  id: AccountId,
  change: AccountChange,
): Promise<void> {
  const { custody, mailboxKey, providerUntil, language, digest, closedAt } = change;
  await store.db
    .updateTable("accounts")
    .set({
      ...(custody === undefined ? {} : { custody }),
      ...(mailboxKey === undefined ? {} : { mailbox_key: mailboxKey }),
      ...(providerUntil === undefined ? {} : { provider_until: providerUntil.getTime() }),
      ...(language === undefined ? {} : { language: language ?? "" }),
      ...(digest === undefined ? {} : { digest: digest ?? "" }),
      ...(closedAt === undefined
        ? {}
        : {
            state: closedAt === null ? "open" : "closed",
            closed_at: closedAt?.getTime() ?? 0,
          }),
    })
    .where("id", "=", id)
    .execute();
}

/** The accounts that were closed before a moment, those that were closed first before the others. */
export async function listClosedAccounts(store: Store, before: Date): Promise<readonly Account[]> {
  const rows = await withAddress(store.db)
    .where("accounts.state", "=", sql.lit("closed"))
    .where("accounts.closed_at", "<", before.getTime())
    .orderBy("accounts.closed_at")
    .orderBy("accounts.id")
    .execute();
  return rows.map(accountFrom);
}

/** Open accounts that have no master key yet, and whose key is not on a device; the oldest first. */
export async function listAccountsWithoutKeys(
  store: Store,
  limit: number,
): Promise<readonly Account[]> {
  const rows = await withAddress(store.db)
    .where("accounts.has_keys", "=", sql.lit(0))
    .where("accounts.state", "=", sql.lit("open"))
    .where("accounts.custody", "<>", sql.lit("user-device-only"))
    .orderBy("accounts.created_at")
    .orderBy("accounts.id")
    .limit(limit)
    .execute();
  return rows.map(accountFrom);
}

function withAddress(db: Kysely<Schema>) {
  return db
    .selectFrom("accounts")
    .innerJoin("addresses", (join) =>
      join
        .onRef("addresses.account", "=", "accounts.id")
        .on("addresses.state", "=", sql.lit("primary")),
    )
    .selectAll("accounts")
    .select("addresses.mailbox");
}

/** The account in a row of `accounts`, with the text of its primary address. */
export function accountFrom(
  row: Selectable<Schema["accounts"]> & { readonly mailbox: string },
): Account {
  const providerUntil = timeOrNone(row.provider_until);
  // A word that is none chooses nothing, and keeps no mail back.
  const language = LANGUAGES.find((word) => word === row.language);
  const digest = DIGEST_WISHES.find((word) => word === row.digest);
  return {
    id: row.id as AccountId,
    address: addressFrom(row.mailbox),
    custody: wordFrom(CUSTODIES, row.custody),
    policy: row.policy === "" ? undefined : wordFrom(POLICIES, row.policy),
    createdAt: fromUnixMs(row.created_at),
    mailboxKey: wordFrom(MAILBOX_KEYS, row.mailbox_key),
    ...(language === undefined ? {} : { language }),
    ...(digest === undefined ? {} : { digest }),
    ...(row.state === "closed" ? { closedAt: fromUnixMs(row.closed_at) } : {}),
    ...(providerUntil === undefined ? {} : { providerUntil }),
  };
}
