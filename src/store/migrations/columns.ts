import type { Migration } from "./migration.ts";

/** How the columns of a table are written for an engine. */
export type Columns = {
  readonly table: (name: string, columns: string) => string;
  readonly bytes: string;
  readonly integer: string;
  readonly text: string;
  /** A text that is compared octet by octet on both engines, so that an index finds what begins alike. */
  readonly octetText: string;
  /** An integer without a default value, for keys. */
  readonly number: string;
  /** A key that the engine counts up. */
  readonly counter: string;
};

/** @returns the words of this engine */
export function columnsOf(engine: Parameters<Migration>[0]): Columns {
  const isSqlite = engine === "sqlite";
  return {
    table: (name, columns) => `create table ${name} (${columns}) ${isSqlite ? "strict" : ""}`,
    bytes: isSqlite ? "blob not null default x''" : "bytea not null default ''",
    integer: isSqlite ? "integer not null default 0" : "bigint not null default 0",
    text: "text not null default ''",
    octetText: isSqlite ? "text not null default ''" : `text collate "C" not null default ''`,
    number: isSqlite ? "integer" : "bigint",
    counter: isSqlite
      ? "integer primary key not null"
      : "bigint generated always as identity primary key not null",
  };
}
