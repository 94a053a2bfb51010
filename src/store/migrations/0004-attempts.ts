import type { Migration } from "../migrate.ts";

/** How often opening a waiting message was begun without an end, and when last. */
export const attempts: Migration = (engine) => {
  const integer = engine === "sqlite" ? "integer not null default 0" : "bigint not null default 0";
  return [
    `alter table messages add column attempts ${integer}`,
    `alter table messages add column tried_at ${integer}`,
  ];
};
