/** PostgreSQL's own programs, which make and read its backups. A password in the URL stays out of the process list. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { AppError, errorText } from "../base/errors.ts";
import { CACHE_TABLES } from "../store/engine/sqlite.ts";

const run = promisify(execFile);

/** Writes a backup in the custom format of `pg_dump`, without the rows of cache tables. */
export async function dumpPostgres(url: string, file: string): Promise<void> {
  const without = CACHE_TABLES.map((table) => `--exclude-table-data=${table}`);
  await runOn("pg_dump", url, ["--format=custom", "--no-owner", `--file=${file}`, ...without]);
}

/** Fills an empty database from a backup, all or nothing. */
export async function fillPostgres(url: string, file: string): Promise<void> {
  await runOn("pg_restore", url, ["--no-owner", "--single-transaction", "--exit-on-error", file]);
}

async function runOn(program: string, url: string, args: readonly string[]): Promise<void> {
  const place = new URL(url);
  const { password } = place;
  place.password = "";
  const env = password === "" ? {} : { PGPASSWORD: decodeURIComponent(password) };
  // Others of the machine may not read what it writes.
  const command = ["-c", 'umask 077; exec "$0" "$@"', program, `--dbname=${place.href}`, ...args];
  try {
    await run("/bin/sh", command, { env: { ...process.env, ...env } });
  } catch (cause) {
    const stderr: unknown = cause instanceof Error ? Reflect.get(cause, "stderr") : undefined;
    const why = typeof stderr === "string" && stderr !== "" ? stderr.trim() : errorText(cause);
    throw new AppError(`${program}: ${why}`, { temporary: false, cause });
  }
}
