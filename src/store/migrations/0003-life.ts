import { sql } from "kysely";

import { wkdName } from "../../mail/wkd-hash.ts";
import type { Migration } from "../migrate.ts";
import { addressFrom } from "../row.ts";
import type { Store } from "../store.ts";

/**
 * What the life of keys needs: closed accounts, aliases, a key pair of its own for the mailbox, rows that know the service
 * key they are wrapped under, tombstones of erased accounts, and the names of the Web Key Directory.
 */
export const life: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null default x''" : "bytea not null default ''";
  const integer = engine === "sqlite" ? "integer not null default 0" : "bigint not null default 0";
  const strict = engine === "sqlite" ? "strict" : "";
  const text = "text not null default ''";
  return [
    "alter table accounts add column state text not null default 'open'",
    `alter table accounts add column closed_at ${integer}`,
    "alter table accounts add column mailbox_key text not null default 'same'",
    `alter table accounts add column provider_until ${integer}`,
    "create index accounts_closed on accounts (closed_at) where state = 'closed'",
    `create table aliases (address text primary key not null, mailbox ${text},
       account ${text} references accounts (address), created_at ${integer}) ${strict}`,
    "create index aliases_account on aliases (account)",
    "alter table secret_keys add column purpose text not null default 'sealing'",
    `create table mailbox_certificates (fingerprint text primary key not null,
       account ${text} references accounts (address), state ${text}, bytes ${bytes}, created_at ${integer}) ${strict}`,
    "create unique index mailbox_one_active on mailbox_certificates (account) where state = 'active'",
    `alter table slots add column service_key ${text}`,
    `alter table generic_revocations add column service_key ${text}`,
    `alter table outbox add column service_key ${text}`,
    `create table tombstones (tag text primary key not null, erased_at ${integer}) ${strict}`,
    `alter table published_certificates add column wkd ${text}`,
    "create index published_wkd on published_certificates (wkd) where state = 'active'",
    "create index published_address on published_certificates (address, created_at)",
    "create index published_expiry on published_certificates (expires_at) where state = 'active'",
    ...(engine === "sqlite" ? SQLITE_GUARDS : POSTGRES_GUARDS),
  ];
};

/** The audit log only grows, whoever writes to it. */
const SQLITE_GUARDS = ["update", "delete"].map(
  (verb) => `create trigger audit_no_${verb} before ${verb} on audit
    begin select raise(abort, 'the audit log only grows'); end`,
);
const POSTGRES_GUARDS = [
  `create function audit_only_grows() returns trigger language plpgsql as
    $$ begin raise exception 'the audit log only grows'; end $$`,
  `create trigger audit_no_change before update or delete on audit
    for each row execute function audit_only_grows()`,
];

/** Names what was published before there was a directory. */
export async function nameForDirectory({ db }: Store): Promise<void> {
  const rows = await db
    .selectFrom("published_certificates")
    .select(["fingerprint", "mailbox"])
    .where("wkd", "=", "")
    .execute();
  for (const { fingerprint, mailbox } of rows) {
    const wkd = wkdName(addressFrom(mailbox));
    await sql`update published_certificates set wkd = ${wkd} where fingerprint = ${fingerprint}`.execute(
      db,
    );
  }
}
