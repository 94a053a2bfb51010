import { canonicalAddress } from "../../mail/address.ts";
import type { Migration } from "../migrate.ts";
import { addressFrom } from "../row.ts";
import type { Store } from "../store.ts";

/**
 * Which change of its slots or its login an account is at, the login verifier under the service key, whose a waiting copy
 * is, and the addresses that an account gave up a short time ago.
 */
export const generations: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null default x''" : "bytea not null default ''";
  const integer = engine === "sqlite" ? "integer not null default 0" : "bigint not null default 0";
  const strict = engine === "sqlite" ? "strict" : "";
  const text = "text not null default ''";
  return [
    `alter table accounts add column generation ${integer}`,
    `alter table accounts add column login_kdf ${text}`,
    `alter table accounts add column login_verifier ${bytes}`,
    `alter table accounts add column login_service_key ${text}`,
    `alter table slots add column generation ${integer}`,
    `alter table outbox add column account ${text}`,
    "create index outbox_account on outbox (account)",
    `create table former_addresses (address text not null, account ${text}, given_up_at ${integer},
       primary key (address, account)) ${strict}`,
    "create index former_addresses_account on former_addresses (account)",
    `create table service_key_users (process text primary key not null, service_key ${text}, seen_at ${integer}) ${strict}`,
  ];
};

/** Whose the copies are that wait already: of the account whose address, or alias, their sender is. */
export async function ownCopies({ db }: Store): Promise<void> {
  const senders = await db.selectFrom("outbox").select("sender").distinct().execute();
  for (const { sender } of senders) {
    const address = canonicalAddress(addressFrom(sender));
    const alias = await db
      .selectFrom("aliases")
      .select("account")
      .where("address", "=", address)
      .executeTakeFirst();
    await db
      .updateTable("outbox")
      .set({ account: alias?.account ?? address })
      .where("sender", "=", sender)
      .execute();
  }
}
