import type { Migration } from "../migrate.ts";

/**
 * What discovery must not forget: revocations that were seen, for ever and without an address; the latest time that was
 * seen; and, for seven days, the keys of authors whose mail waits for its reader.
 */
export const revocationsSeen: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null" : "bytea not null";
  const integer = engine === "sqlite" ? "integer not null" : "bigint not null";
  const strict = engine === "sqlite" ? "strict" : "";
  const text = "text not null";
  return [
    `create table revocations_seen (fingerprint text primary key not null, reason ${integer}, at ${integer}) ${strict}`,
    `create table clock_seen (id ${engine === "sqlite" ? "integer" : "bigint"} primary key not null, at ${integer}) ${strict}`,
    `create table author_keys (author ${text}, fingerprint ${text}, domain ${text}, state ${text}, certificate ${bytes},
       fetched_at ${integer}, primary key (author, fingerprint)) ${strict}`,
    "create index author_keys_wanted on author_keys (domain) where state = 'wanted'",
    "create index author_keys_age on author_keys (fetched_at)",
  ];
};
