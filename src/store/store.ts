/**
 * The database: SQLite on one machine, PostgreSQL for many, the same code on both. `openStore` opens it, `migrate` brings
 * its tables up to date; there is one file per table, whose functions take the store first. What must happen together
 * goes through `store.transaction`, whose callback uses only the store it is given.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

import { Kysely, PostgresDialect, sql, SqliteDialect, type SqliteDatabase } from "kysely";
import pg from "pg";

import { SECOND } from "../base/time.ts";
import type { Schema } from "./schema.ts";

export type Engine = "sqlite" | "postgres";

export type StoreOptions =
  | { readonly engine: "sqlite"; readonly path: string; readonly readOnly?: boolean }
  | { readonly engine: "postgres"; readonly url: string; readonly readOnly?: boolean };

/** Tables from which rows of a person are deleted. */
const ERASABLE: readonly (keyof Schema)[] = [
  "accounts",
  "aliases",
  "author_keys",
  "cached_certificates",
  "former_addresses",
  "generic_revocations",
  "mailbox_certificates",
  "master_keys",
  "messages",
  "outbox",
  "published_certificates",
  "secret_keys",
  "slots",
  "trace",
];

const BUSY_TIMEOUT_MS = 5 * SECOND;
const CONNECT_TIMEOUT_MS = 10 * SECOND;
const POOL_SIZE = 10;

/** An open database, or one transaction on it. Queries (`db`) are written only in this folder. */
export class Store implements AsyncDisposable {
  readonly engine: Engine;
  readonly #db: Kysely<Schema>;
  readonly #isTransaction: boolean;
  /** The transaction that the current flow of calls is in, if it is. */
  readonly #current = new AsyncLocalStorage<{ isOpen: boolean }>();

  constructor(engine: Engine, db: Kysely<Schema>) {
    this.engine = engine;
    this.#db = db;
    this.#isTransaction = db.isTransaction;
  }

  /**
   * For the queries of this folder.
   * @throws Error inside a transaction of this store: that flow must use the store it was given, or SQLite, whose one
   * connection the transaction holds, would wait for ever.
   */
  get db(): Kysely<Schema> {
    if (this.#current.getStore()?.isOpen === true) {
      throw new Error("inside a transaction only the store that it gives may be used");
    }
    return this.#db;
  }

  /** Does all or nothing of `work`, which uses only the store it is given; inside a transaction it joins that one. */
  async transaction<T>(work: (store: Store) => Promise<T>): Promise<T> {
    if (this.#isTransaction) return work(this);
    return this.db.transaction().execute(async (tx) => {
      const state = { isOpen: true };
      try {
        return await this.#current.run(state, async () => work(new Store(this.engine, tx)));
      } finally {
        state.isOpen = false;
      }
    });
  }

  /**
   * Makes what was deleted physically gone: overwritten and out of the log on SQLite, vacuumed on PostgreSQL. Not for use
   * inside a transaction.
   */
  async forget(tables: readonly (keyof Schema)[] = ERASABLE): Promise<void> {
    const statement =
      this.engine === "sqlite" ? "pragma wal_checkpoint(truncate)" : `vacuum ${tables.join(", ")}`;
    await sql.raw(statement).execute(this.db);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isTransaction) await this.#db.destroy();
  }
}

/**
 * Opens the database and runs no migration. A read-only SQLite store needs a writer that has opened the file before
 * (its WAL), and sees each commit at once.
 * @throws Error when the file or the server cannot be opened.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const isReadOnly = options.readOnly === true;
  const dialect =
    options.engine === "sqlite"
      ? new SqliteDialect({ database: openSqlite(options.path, isReadOnly) })
      : new PostgresDialect({ pool: openPostgres(options.url, isReadOnly) });
  return new Store(options.engine, new Kysely<Schema>({ dialect }));
}

/** `node:sqlite` in the shape that Kysely's dialect asks for. */
function openSqlite(path: string, isReadOnly: boolean): SqliteDatabase {
  if (!isReadOnly && path !== ":memory:") closeSync(openSync(path, "a", 0o600));
  const database = new DatabaseSync(path, { readOnly: isReadOnly, timeout: BUSY_TIMEOUT_MS });
  database.exec(
    "pragma foreign_keys = on; pragma temp_store = memory; pragma trusted_schema = off",
  );
  // A reply of 250 promises that a message is durable; what is deleted is overwritten, lest a stolen file tell it.
  if (!isReadOnly) {
    database.exec(
      "pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on",
    );
  }
  return {
    prepare: (text) => {
      // A transaction that reads first and then writes would fail if another process wrote in between.
      const statement = database.prepare(
        text === "begin" && !isReadOnly ? "begin immediate" : text,
      );
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as readonly SQLInputValue[])),
        run: (parameters) => statement.run(...(parameters as readonly SQLInputValue[])),
        iterate: (parameters) => statement.iterate(...(parameters as readonly SQLInputValue[])),
      };
    },
    close: () => {
      database.close();
    },
  };
}

function openPostgres(url: string, isReadOnly: boolean): pg.Pool {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number);
  types.setTypeParser(pg.types.builtins.NUMERIC, Number);
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    options: isReadOnly ? "-c default_transaction_read_only=on" : "",
  });
  // An idle connection that breaks is replaced at the next query; unheard, its event would end the process.
  pool.on("error", () => undefined);
  return pool;
}
