import type { Migration } from "../migrate.ts";

/** Copies that were accepted from a user and that the next hop has not taken yet. */
export const outbox: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null default x''" : "bytea not null default ''";
  const integer = engine === "sqlite" ? "integer not null default 0" : "bigint not null default 0";
  const text = "text not null default ''";
  return [
    `create table outbox (id text primary key not null, sender ${text}, message_id ${text}, envelope ${text},
       wrapped ${bytes}, attempts ${integer}, created_at ${integer}, next_at ${integer})
       ${engine === "sqlite" ? "strict" : ""}`,
    "create index outbox_due on outbox (next_at)",
  ];
};
