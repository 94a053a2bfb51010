/**
 * One open SQLite file and what is asked of it, statement by statement. It is used by the thread that opened it: that of
 * the caller, or one of its own (`sqlite-thread.ts`).
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** A statement. The first of a transaction begins it; later ones are refused when it is no longer open. */
export type SqliteRequest = {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly place: "alone" | "first" | "within";
};

export type SqliteAnswer = {
  readonly rows: readonly unknown[];
  /** Of a statement that changes rows and returns none. */
  readonly changes?: number | bigint;
  readonly lastInsertRowid?: number | bigint;
};

/** Where statements go: they are done in the order in which they are given. */
export type SqliteHandle = {
  /** @throws Error with SQLite's `errcode` when it refuses the statement. */
  readonly run: (request: SqliteRequest) => SqliteAnswer | Promise<SqliteAnswer>;
  readonly close: () => void | Promise<void>;
  /** Whether it does nothing more: a caller that needs the database opens another one. */
  readonly isOver: () => boolean;
};

/** One in the thread that asks it. */
export type HandleHere = Pick<SqliteHandle, "isOver"> & {
  readonly run: (request: SqliteRequest) => SqliteAnswer;
  readonly close: () => void;
};

/** SQLITE_ABORT_ROLLBACK: https://www.sqlite.org/rescode.html */
const ROLLED_BACK = 516;
/** Maximum number of statements that are kept prepared, the last used ones; the program has some hundred. */
const MAX_PREPARED = 200;

type Prepared = { readonly statement: StatementSync; readonly isReader: boolean };

/** The handle of an open file, in this thread. */
export function handleOf(database: DatabaseSync, isReadOnly: boolean): HandleHere {
  const prepared = new Map<string, Prepared>();
  const prepare = (sql: string): Prepared => {
    const known = prepared.get(sql);
    if (known !== undefined) prepared.delete(sql);
    const found = known ?? preparedFrom(database, sql);
    prepared.set(sql, found);
    const [oldest] = prepared.keys();
    if (prepared.size > MAX_PREPARED && oldest !== undefined) prepared.delete(oldest);
    return found;
  };
  // A transaction that reads first and then writes would fail if another process wrote in between.
  const begin = isReadOnly ? "begin" : "begin immediate";
  let isOver = false;
  return {
    run: ({ sql, parameters, place }) => {
      if (place === "first") prepare(begin).statement.run();
      if (place === "within" && !database.isTransaction) {
        // On a full disk SQLite has rolled back already: the first error said why.
        if (sql === "rollback") return { rows: [] };
        throw Object.assign(new Error("the transaction was rolled back"), { errcode: ROLLED_BACK });
      }
      const { statement, isReader } = prepare(sql);
      const values = parameters as readonly SQLInputValue[];
      if (isReader) return { rows: statement.all(...values) };
      const { changes, lastInsertRowid } = statement.run(...values);
      return { rows: [], changes, lastInsertRowid };
    },
    close: () => {
      if (isOver) return;
      isOver = true;
      prepared.clear();
      database.close();
    },
    isOver: () => isOver,
  };
}

function preparedFrom(database: DatabaseSync, sql: string): Prepared {
  const statement = database.prepare(sql);
  return { statement, isReader: statement.columns().length > 0 };
}
