import type { Migration } from "../migrate.ts";

/**
 * The key of the tags that stand for addresses, wrapped under the service key; and the tag under which the audit log last
 * said an account's generation, by which the account is found when that key is lost. And when a cached certificate ends by what
 * is not kept of it; nothing is known of those that are there, so they are not used without asking again.
 */
export const tagsAndEnds: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null" : "bytea not null";
  const integer = engine === "sqlite" ? "integer" : "bigint";
  return [
    `create table tag_key (id ${integer} primary key not null check (id = 1), service_key text not null, wrapped ${bytes})
      ${engine === "sqlite" ? "strict" : ""}`,
    "alter table accounts add column audit_tag text not null default ''",
    `alter table cached_certificates add column ends_at ${integer} not null default 0`,
    "update cached_certificates set ends_at = fresh_until",
  ];
};
