/**
 * The addresses of accounts. An account has one primary address and any number of aliases, each with a certificate of its
 * own. An address that an account released stays its own for thirty days: nobody else gets it, and an erasure finds what
 * still names it.
 */
import { sql } from "kysely";

import { AppError } from "../../base/errors.ts";
import { after, DAY, fromUnixMs } from "../../base/time.ts";
import {
  canonicalAddress,
  formatAddress,
  type CanonicalAddress,
  type EmailAddress,
} from "../../mail/address.ts";
import type { AccountId, AddressState } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import { addressFrom, wordFrom } from "../engine/row.ts";
import type { Store } from "../store.ts";

/** How long a released or erased address stays blocked for other accounts: others may have its certificate in their caches. */
export const BLOCKED_MS = 30 * DAY;

const STATES: readonly AddressState[] = ["primary", "alias", "released"];

/** An address and whose it is. `since`: when its account got it; when the account released it, if it did. */
export type OwnedAddress = {
  readonly address: EmailAddress;
  readonly account: AccountId;
  readonly state: AddressState;
  readonly since: Date;
};

/** Another address of an account. */
export type Alias = { readonly address: EmailAddress; readonly createdAt: Date };

/** Whose an address is, and what it is to that account; undefined when it is nobody's. */
export async function readAddress(
  store: Store,
  address: EmailAddress,
): Promise<OwnedAddress | undefined> {
  const row = await selectNamed(store, { address: canonicalAddress(address) }).executeTakeFirst();
  return row && fromRow(row);
}

const selectNamed = compiled((db, { address }: { readonly address: string }) =>
  db.selectFrom("addresses").selectAll().where("address", "=", address),
);

/** The account that uses an address, as its primary one or as an alias. */
export async function findOwner(
  store: Store,
  address: EmailAddress,
): Promise<AccountId | undefined> {
  const row = await readAddress(store, address);
  return row === undefined || row.state === "released" ? undefined : row.account;
}

/** The addresses that an account uses: the primary one first, then its aliases in the order of their names. */
export async function listAddresses(
  store: Store,
  account: AccountId,
): Promise<readonly EmailAddress[]> {
  const rows = await store.db
    .selectFrom("addresses")
    .select("mailbox")
    .where("account", "=", account)
    .where("state", "in", ["primary", "alias"])
    .orderBy(sql`case state when 'primary' then 0 else 1 end`)
    .orderBy("address")
    .execute();
  return rows.map(({ mailbox }) => addressFrom(mailbox));
}

/**
 * The address that an account has as its name.
 * @throws AppError when the account does not exist, or no longer.
 */
export async function primaryAddress(store: Store, account: AccountId): Promise<EmailAddress> {
  const row = await selectPrimary(store, { account }).executeTakeFirst();
  if (row === undefined) throw new AppError("there is no such account", { temporary: false });
  return addressFrom(row.mailbox);
}

const selectPrimary = compiled((db, { account }: { readonly account: string }) =>
  db
    .selectFrom("addresses")
    .select("mailbox")
    .where("account", "=", account)
    .where("state", "=", "primary"),
);

/** The aliases of an account in the order of their addresses. */
export async function listAliases(store: Store, account: AccountId): Promise<readonly Alias[]> {
  const rows = await store.db
    .selectFrom("addresses")
    .select(["mailbox", "since"])
    .where("account", "=", account)
    .where("state", "=", "alias")
    .orderBy("address")
    .execute();
  return rows.map((row) => ({
    address: addressFrom(row.mailbox),
    createdAt: fromUnixMs(row.since),
  }));
}

/** Adds an alias; false when the address is somebody's. */
export async function insertAlias(
  store: Store,
  account: AccountId,
  { address, createdAt }: Alias,
): Promise<boolean> {
  return insertAddress(store, { address, account, state: "alias", since: createdAt });
}

/** Adds an address; false when it is somebody's, or released. */
export async function insertAddress(
  store: Store,
  { address, account, state, since }: OwnedAddress,
): Promise<boolean> {
  const added = await store.db
    .insertInto("addresses")
    .values({
      address: canonicalAddress(address),
      domain: address.domain,
      mailbox: formatAddress(address),
      account,
      state,
      since: since.getTime(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("address")
    .executeTakeFirst();
  return added !== undefined;
}

/** Makes an alias the primary address of its account, and the former primary address an alias; in the caller's transaction. */
export async function makePrimary(
  store: Store,
  {
    address,
    account,
  }: {
    readonly address: EmailAddress;
    readonly account: AccountId;
  },
): Promise<void> {
  await store.db
    .updateTable("addresses")
    .set({ state: "alias" })
    .where("account", "=", account)
    .where("state", "=", "primary")
    .execute();
  await store.db
    .updateTable("addresses")
    .set({ state: "primary" })
    .where("account", "=", account)
    .where("address", "=", canonicalAddress(address))
    .execute();
}

/** Releases an alias of an account; false when it has no such alias. */
export async function releaseAlias(
  store: Store,
  account: AccountId,
  alias: EmailAddress,
  now: Date,
): Promise<boolean> {
  const released = await store.db
    .updateTable("addresses")
    .set({ state: "released", since: now.getTime() })
    .where("account", "=", account)
    .where("address", "=", canonicalAddress(alias))
    .where("state", "=", "alias")
    .returning("address")
    .executeTakeFirst();
  return released !== undefined;
}

/** The addresses that an account released, and that are neither taken again nor purged; `at` is when. */
export async function listReleased(
  store: Store,
  account: AccountId,
): Promise<readonly { readonly address: CanonicalAddress; readonly at: Date }[]> {
  const rows = await store.db
    .selectFrom("addresses")
    .select(["address", "since"])
    .where("account", "=", account)
    .where("state", "=", "released")
    .orderBy("address")
    .execute();
  return rows.map(({ address, since }) => ({
    address: address as CanonicalAddress,
    at: fromUnixMs(since),
  }));
}

/** Forgets that an address was released, when an account takes it: what names it later is about its new owner. */
export async function forgetReleased(store: Store, address: EmailAddress): Promise<void> {
  await store.db
    .deleteFrom("addresses")
    .where("address", "=", canonicalAddress(address))
    .where("state", "=", "released")
    .execute();
}

/** Deletes released addresses that are blocked no longer. */
export async function purgeReleased(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("addresses")
    .where("state", "=", sql.lit("released"))
    .where("since", "<=", after(now, -BLOCKED_MS).getTime())
    .execute();
}

/** The addresses that are `x+y` to an `x` (RFC 5233 §1), with their accounts; released ones too. */
export async function listSubaddresses(
  store: Store,
  base: EmailAddress,
): Promise<readonly OwnedAddress[]> {
  const canonical = canonicalAddress(base);
  const local = canonical.slice(0, canonical.lastIndexOf("@"));
  const rows = await store.db
    .selectFrom("addresses")
    .selectAll()
    .where("domain", "=", base.domain)
    .where("address", ">=", `${local}+`)
    // The octet after "+".
    .where("address", "<", `${local},`)
    .orderBy("address")
    .execute();
  return rows.map(fromRow);
}

function fromRow(row: {
  readonly mailbox: string;
  readonly account: string;
  readonly state: string;
  readonly since: number;
}): OwnedAddress {
  return {
    address: addressFrom(row.mailbox),
    account: row.account as AccountId,
    state: wordFrom(STATES, row.state),
    since: fromUnixMs(row.since),
  };
}
