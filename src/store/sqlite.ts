/**
 * A SQLite file for the store. Only SQLite opens it: closing any other descriptor of it would drop the locks that keep
 * other programs from removing the write-ahead log (see `write-ahead-log.ts`).
 */
import { backup, DatabaseSync, type SQLInputValue } from "node:sqlite";
import { isMainThread } from "node:worker_threads";

import type { SqliteDatabase } from "kysely";

import { AppError } from "../base/errors.ts";
import { SECOND } from "../base/time.ts";
import { sqliteTrouble } from "./trouble.ts";

const BUSY_TIMEOUT_MS = 5 * SECOND;
/** Files that this process makes are its user's alone: the database, its write-ahead log and its index. */
const PRIVATE_UMASK = 0o077;

/** An open file: in the shape that Kysely's dialect asks for, and as SQLite's own, for what Kysely does not have. */
export type SqliteFile = SqliteDatabase & { readonly raw: DatabaseSync };

/** @throws DatabaseTrouble when the file cannot be opened. */
export function openSqlite(path: string, isReadOnly: boolean): SqliteFile {
  const named = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw sqliteTrouble(error, path);
    }
  };
  const database = named(() => (isReadOnly ? openToRead(path) : openToWrite(path)));
  return {
    raw: database,
    prepare: (text) => {
      // On a full disk SQLite has rolled back already; complaining of that would hide the cause.
      if (text === "rollback" && !database.isTransaction) return NOTHING;
      // A transaction that reads first and then writes would fail if another process wrote in between.
      const statement = named(() =>
        database.prepare(text === "begin" && !isReadOnly ? "begin immediate" : text),
      );
      type Values = readonly SQLInputValue[];
      return {
        reader: statement.columns().length > 0,
        all: (values) => named(() => statement.all(...(values as Values))),
        run: (values) => named(() => statement.run(...(values as Values))),
        iterate: (values) => statement.iterate(...(values as Values)),
      };
    },
    close: () => {
      database.close();
    },
  };
}

const NOTHING: ReturnType<SqliteDatabase["prepare"]> = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

const COMMON = "pragma foreign_keys = on; pragma temp_store = memory; pragma trusted_schema = off;";

function openToRead(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  database.exec(COMMON);
  return database;
}

/** The mode is set by the umask, because opening the file to set it would break the rule above. */
function openToWrite(path: string): DatabaseSync {
  // A worker has the umask of its process, and may not set it.
  const umask = isMainThread ? process.umask(PRIVATE_UMASK) : undefined;
  try {
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec(COMMON);
    // A reply of 250 promises that a message is durable; what is deleted is overwritten, lest a stolen file tell it.
    database.exec(
      "pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on",
    );
    // SQLite opens the write-ahead log with the first statement that reads.
    database.prepare("select count(*) from sqlite_schema").get();
    return database;
  } finally {
    if (umask !== undefined) process.umask(umask);
  }
}

/** Tables that hold what others published, and counters: they are not kept in a backup (see docs/operate/retention.md). */
export const CACHE_TABLES = [
  "cached_certificates",
  "author_answers",
  "author_keys",
  "unusable_answers",
  "attempts",
] as const;

/** SQLite's online backup, without the cache tables; the file is its user's alone. */
export async function copySqlite(from: DatabaseSync, path: string): Promise<void> {
  const umask = isMainThread ? process.umask(PRIVATE_UMASK) : undefined;
  try {
    await backup(from, path);
    using copy = new DatabaseSync(path);
    // One file, which needs no other beside it.
    copy.exec("pragma journal_mode = delete; pragma secure_delete = on");
    for (const table of CACHE_TABLES) copy.exec(`delete from ${table}`);
    copy.exec("vacuum");
  } finally {
    if (umask !== undefined) process.umask(umask);
  }
}

/** Copies a backup to where the database is to be. @throws Error when it is no whole SQLite database. */
export async function restoreSqlite(backupFile: string, path: string): Promise<void> {
  const umask = isMainThread ? process.umask(PRIVATE_UMASK) : undefined;
  try {
    using from = new DatabaseSync(backupFile, { readOnly: true });
    const check = from.prepare("pragma integrity_check").get();
    if (check?.["integrity_check"] !== "ok") {
      throw new AppError(`${backupFile} is damaged: ${String(check?.["integrity_check"])}`, {
        temporary: false,
      });
    }
    await backup(from, path);
  } catch (error) {
    throw sqliteTrouble(error, path);
  } finally {
    if (umask !== undefined) process.umask(umask);
  }
}
