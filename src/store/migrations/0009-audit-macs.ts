import { sql } from "kysely";

import type { Migration } from "../migrate.ts";
import type { Store } from "../store.ts";

/**
 * What authenticates the heads of the audit log, and what keeps rows out of it that no check would see: rows before the
 * first place, and a second head.
 */
export const auditMacs: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null default x''" : "bytea not null default ''";
  const integer = engine === "sqlite" ? "integer not null" : "bigint not null";
  return [
    `create table audit_macs (seq ${integer} primary key, service_key text not null default '', mac ${bytes})
      ${engine === "sqlite" ? "strict" : ""}`,
    `alter table audit_head add column macs_after ${integer} default 0`,
    "delete from audit_head where id <> 1",
    ...(engine === "sqlite" ? SQLITE_GUARDS : POSTGRES_GUARDS),
  ];
};

const SQLITE_GUARDS = [
  `create trigger audit_places_begin_at_one before insert on audit when new.seq < 1
    begin select raise(abort, 'the first place of the audit log is 1'); end`,
  ...["insert", "delete"].map(
    (verb) => `create trigger audit_one_head_${verb} before ${verb} on audit_head
      begin select raise(abort, 'the audit log has one head'); end`,
  ),
  `create trigger audit_one_head_id before update of id on audit_head when new.id <> old.id
    begin select raise(abort, 'the audit log has one head'); end`,
];

const POSTGRES_GUARDS = [
  "alter table audit add constraint audit_places_begin_at_one check (seq >= 1) not valid",
  "alter table audit_head add constraint audit_one_head check (id = 1)",
  `create function audit_keeps_its_head() returns trigger language plpgsql as
    $$ begin raise exception 'the audit log has one head'; end $$`,
  `create trigger audit_one_head before delete on audit_head
    for each row execute function audit_keeps_its_head()`,
];

/** Entries that are there already have no MAC: from the next on each has one. */
export async function beginMacs({ db }: Store): Promise<void> {
  await sql`update audit_head set macs_after = seq`.execute(db);
}
