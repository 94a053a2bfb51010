/**
 * What a database says when it cannot work now, in words that name the cause and what to do. The drivers say it in codes;
 * what they say next (a rollback that finds no transaction) hides the cause, so it is named where it is first heard.
 */
import { AppError, errorText } from "../../base/errors.ts";

/**
 * `away`: no connection; `full`: no room; `locked`: another process holds it; `file`: the file cannot be used; `ended`: a
 * transaction was rolled back, or the thread that worked on it is gone; `conflict`: it was rolled back for another one.
 */
export type TroubleKind = "away" | "full" | "locked" | "file" | "ended" | "conflict";

/** Trouble with the database itself: what was asked for may work later. */
export class DatabaseTrouble extends AppError {
  override readonly name = "DatabaseTrouble";
  readonly kind: TroubleKind;

  constructor(kind: TroubleKind, message: string, cause?: unknown) {
    super(message, { temporary: true, ...(cause === undefined ? {} : { cause }) });
    this.kind = kind;
  }
}

/** Whether the database ended a transaction, of which nothing stays, because of another one. */
export function isConflict(error: unknown): boolean {
  return error instanceof DatabaseTrouble && error.kind === "conflict";
}

/** SQLite's primary result codes: https://www.sqlite.org/rescode.html */
const SQLITE: Readonly<Record<number, TroubleKind>> = {
  4: "ended", // SQLITE_ABORT
  5: "locked", // SQLITE_BUSY
  6: "locked", // SQLITE_LOCKED
  8: "file", // SQLITE_READONLY
  10: "file", // SQLITE_IOERR
  13: "full", // SQLITE_FULL
  14: "file", // SQLITE_CANTOPEN
};

/** PostgreSQL's SQLSTATE, by the longest prefix, and the codes of a broken connection. */
const POSTGRES: readonly (readonly [RegExp, TroubleKind])[] = [
  [/^53100$/, "full"],
  [/^(?:53[23]00|57P0\d|08...)$/, "away"],
  // Deadlock detected, and serialization failure.
  [/^(?:40P01|40001)$/, "conflict"],
  [/^55P03$/, "locked"],
  [/^58030$/, "file"],
  [/^(?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|EPIPE)$/, "away"],
];

/** What node-postgres says, without a code, of a connection that broke or could not be made. */
const BROKEN =
  /^(?:Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Query read timeout|Postgres connection has been discarded)/;

const PLACES: Readonly<Record<TroubleKind, string>> = {
  away: "the database server does not answer, or ended the connection: see that it runs and that [database] url names it",
  full: "there is no room left on the disk that holds the database: make room there",
  locked:
    "another process holds the database: end what reads or writes it for long, then try again",
  ended: "the database ended a transaction before all of it was done",
  conflict: "another transaction was first, so that the database ended this one: try again",
  file: "the file of the database cannot be read or written: see its folder, its owner and the system's log",
};

/** The error itself, or, of trouble with a SQLite file, one that names it. */
export function sqliteTrouble(error: unknown, path: string): unknown {
  const code: unknown = error instanceof Error ? Reflect.get(error, "errcode") : undefined;
  const kind = typeof code === "number" ? SQLITE[code & 0xff] : undefined;
  return kind === undefined ? error : trouble(kind, error, path);
}

/** The error itself, or, of trouble with a PostgreSQL server, one that names it. */
export function postgresTrouble(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  const code: unknown = Reflect.get(error, "code");
  if (typeof code !== "string") return BROKEN.test(error.message) ? trouble("away", error) : error;
  if (code === "ENOENT" || code === "EACCES") return socketTrouble(code, error);
  const kind = POSTGRES.find(([pattern]) => pattern.test(code))?.[1];
  return kind === undefined ? error : trouble(kind, error);
}

/** The local socket of a PostgreSQL server, which is there while the server runs. */
function socketTrouble(code: "ENOENT" | "EACCES", cause: Error): DatabaseTrouble {
  const address: unknown = Reflect.get(cause, "address");
  const socket = typeof address === "string" ? address : "the database server's socket";
  const todo =
    code === "ENOENT"
      ? "is not there: start PostgreSQL (systemctl start postgresql), or name the folder of its socket in [database] url (?host=/run/postgresql)"
      : "may not be used by this user: let it, or name another socket in [database] url (?host=…)";
  return new DatabaseTrouble("away", `${socket} ${todo}: ${textOf(cause)}`, cause);
}

function trouble(kind: TroubleKind, cause: unknown, path?: string): DatabaseTrouble {
  const where = path === undefined ? "" : ` (${path})`;
  return new DatabaseTrouble(kind, `${PLACES[kind]}${where}: ${textOf(cause)}`, cause);
}

/** Several addresses that all refuse are an error without a text of its own. */
function textOf(cause: unknown): string {
  const text = errorText(cause);
  const code: unknown = cause instanceof Error ? Reflect.get(cause, "code") : undefined;
  return text === "" ? String(code) : text;
}
