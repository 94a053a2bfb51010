import type { Migration } from "../migrate.ts";

/**
 * The key of the tags that stand for addresses, wrapped under the service key; and the tag under which the audit log last
 * said an account's generation, by which the account is found when that key is lost.
 */
export const tagKey: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null" : "bytea not null";
  const integer = engine === "sqlite" ? "integer" : "bigint";
  return [
    `create table tag_key (id ${integer} primary key not null check (id = 1), service_key text not null, wrapped ${bytes})
      ${engine === "sqlite" ? "strict" : ""}`,
    "alter table accounts add column audit_tag text not null default ''",
  ];
};
