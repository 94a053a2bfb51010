import type { Migration } from "../migrate.ts";

/** Since when an address has had no certificate but one that cannot be used, and why. */
export const unusableAnswers: Migration = (engine) => {
  const integer = engine === "sqlite" ? "integer not null" : "bigint not null";
  const strict = engine === "sqlite" ? "strict" : "";
  const text = "text not null";
  return [
    `create table unusable_answers (address text primary key not null, reason ${text}, first_at ${integer},
       last_at ${integer}) ${strict}`,
    "create index unusable_answers_age on unusable_answers (last_at)",
  ];
};
