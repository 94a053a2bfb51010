/**
 * A SQLite file for the store. Only SQLite opens it: closing any other descriptor of it would drop the locks that keep
 * other programs from removing the write-ahead log (see `write-ahead-log.ts`).
 */
import { backup, DatabaseSync } from "node:sqlite";
import { isMainThread } from "node:worker_threads";

import { AppError } from "../../base/errors.ts";
import { SECOND } from "../../base/time.ts";
import { sqliteTrouble } from "./trouble.ts";

const BUSY_TIMEOUT_MS = 5 * SECOND;
/** Files that this process makes are its user's alone: the database, its write-ahead log and its index. */
const PRIVATE_UMASK = 0o077;

/** @throws Error with SQLite's `errcode` when the file cannot be opened. */
export function openFile(path: string, isReadOnly: boolean): DatabaseSync {
  return isReadOnly ? openToRead(path) : openToWrite(path);
}

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
export async function copySqlite(file: string, path: string): Promise<void> {
  const umask = isMainThread ? process.umask(PRIVATE_UMASK) : undefined;
  try {
    using from = openToRead(file);
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
