import type { Migration } from "../migrate.ts";

/** Large bodies of messages and of waiting copies, in pieces: a row names its pieces, and takes them with it when it goes. */
export const pieces: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null" : "bytea not null";
  const integer = engine === "sqlite" ? "integer" : "bigint";
  const tables = { message_pieces: "messages", outbox_pieces: "outbox" };
  return Object.entries(tables).flatMap(([table, owner]) => [
    `alter table ${owner} add column pieces text not null default ''`,
    `create table ${table} (owner text not null references ${owner} on delete cascade, name text not null,
       number ${integer} not null, bytes ${bytes}, primary key (owner, name, number))
       ${engine === "sqlite" ? "strict" : ""}`,
  ]);
};
