import type { Migration } from "../migrate.ts";

/** What the keyservers of authors answered about their addresses, for seven days: what signatures are judged by. */
export const authorAnswers: Migration = (engine) => {
  const bytes = engine === "sqlite" ? "blob not null" : "bytea not null";
  const integer = engine === "sqlite" ? "integer not null" : "bigint not null";
  const strict = engine === "sqlite" ? "strict" : "";
  const text = "text not null";
  return [
    `create table author_answers (author text primary key not null, code ${text}, certificates ${bytes},
       asked_at ${integer}, valid_ms ${integer}) ${strict}`,
    "create index author_answers_age on author_answers (asked_at)",
    // These rows were written by answers about addresses too, and nothing tells which.
    "delete from author_keys where state = 'found'",
  ];
};
