/**
 * The store: one database, SQLite on one machine or PostgreSQL for many, with the same code on both.
 *
 * `openStore` opens it and `migrate` (`engine/`) brings its tables up to date. A file here holds the queries of one table, in
 * the room of its subject; its functions take the store first. Secrets arrive wrapped: this folder opens nothing.
 *
 * What must happen together goes through `store.transaction`, whose callback uses only the store that it is given: the wrong
 * one inside a transaction is an error. What everybody waits for is done at its end (`atEnd`). SQLite has one writer at a
 * time, so that its transactions take turns. A commit is durable before the call returns, on both.
 *
 * SQLite's calls hold their thread. A process that serves opens its store in threads (`engine/serving-store.ts`, ADR 0023).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { Kysely, PostgresDialect, sql } from "kysely";

import { repeatWhile } from "../base/repeat.ts";
import type { Clock } from "../base/time.ts";
import { ERASABLE } from "./engine/erasable.ts";
import { forKysely, openPool, READ_ONLY } from "./engine/postgres.ts";
import type { Schema } from "./engine/schema.ts";
import type { AuditMac, TagKeys } from "./engine/secrets.ts";
import { sqliteDialect, SqliteHandles } from "./engine/sqlite-driver.ts";
import { handleOf } from "./engine/sqlite-handle.ts";
import { copySqlite, openFile } from "./engine/sqlite.ts";
import { DatabaseTrouble, isConflict } from "./engine/trouble.ts";
import { compareLog, processesWithLostLog, type LogState } from "./engine/write-ahead-log.ts";

export type Engine = "sqlite" | "postgres";

export type StoreOptions =
  | { readonly engine: "sqlite"; readonly path: string; readonly readOnly?: boolean }
  | { readonly engine: "postgres"; readonly url: string; readonly readOnly?: boolean };

/**
 * What a transaction does last, just before its commit, with all that was collected for it: the lower its rank, the earlier.
 * So a lock that everybody needs is held for the shortest time.
 */
export type LastStep = {
  readonly rank: number;
  readonly run: (tx: Store, items: readonly string[]) => Promise<void>;
};

/** How often a transaction is tried that others made the database end. */
const MAX_TRIES = 5;

/** What a committed transaction gave, and what is to follow it. */
type Done<T> = { readonly value: T; readonly afterCommit: ((tx: Store) => Promise<void>)[] };

/** An open database, or one transaction on it. Queries (`db`) are written only in this folder. */
export class Store implements AsyncDisposable {
  readonly engine: Engine;
  readonly #db: Kysely<Schema>;
  readonly #isTransaction: boolean;
  readonly #file: string | undefined;
  /** Why nothing may be written any more: the write-ahead log is no longer the file's. */
  #lost: string | undefined;
  /** The transaction that the current flow of calls is in, if it is. */
  readonly #current = new AsyncLocalStorage<{ isOpen: boolean }>();

  /** Undefined in a process that does not hold the service key. */
  auditMac: AuditMac | undefined;
  /** Dates the entries of the audit log when they are written; undefined: they have the time that the caller gives. */
  auditClock: Clock | undefined;
  /** Undefined in a process that does not hold the service key. */
  tagKeys: TagKeys | undefined;
  /** Where `published-file.ts` appends; undefined in a process that publishes nothing. */
  publishedFile: string | undefined;
  readonly #handles: AsyncDisposable | undefined;
  #afterCommit: Done<unknown>["afterCommit"] = [];
  readonly #last = new Map<LastStep, string[]>();

  constructor(engine: Engine, db: Kysely<Schema>, file?: string, handles?: AsyncDisposable) {
    this.engine = engine;
    this.#db = db;
    this.#file = file;
    this.#handles = handles;
    this.#isTransaction = db.isTransaction;
  }

  /**
   * For the queries of this folder.
   * @throws DatabaseTrouble once the write-ahead log was lost.
   * @throws Error inside a transaction of this store: that flow must use the store it was given, or SQLite, whose one
   * connection the transaction holds, would wait for ever.
   */
  get db(): Kysely<Schema> {
    if (this.#current.getStore()?.isOpen === true) {
      throw new Error("inside a transaction only the store that it gives may be used");
    }
    if (this.#lost !== undefined) throw new DatabaseTrouble("file", this.#lost);
    return this.#db;
  }

  /**
   * Does all or nothing of `work`, which uses only the store it is given; inside a transaction it joins that one. PostgreSQL
   * may end it because of another transaction: work that `may-run-again`, as it changes nothing but rows, is repeated then.
   */
  async transaction<T>(
    work: (store: Store) => Promise<T>,
    repetition: "once" | "may-run-again" = "once",
  ): Promise<T> {
    if (this.#isTransaction) return work(this);
    const tries = repetition === "once" ? 1 : MAX_TRIES;
    const { value, afterCommit } = await repeatWhile(isConflict, tries, async () => this.#do(work));
    for (const later of afterCommit) await this.transaction(later);
    return value;
  }

  async #do<T>(work: (store: Store) => Promise<T>): Promise<Done<T>> {
    const failure: { cause?: unknown } = {};
    const afterCommit: Done<T>["afterCommit"] = [];
    const running = this.db.transaction().execute(async (tx) => {
      const state = { isOpen: true };
      try {
        const store = new Store(this.engine, tx);
        store.auditMac = this.auditMac;
        store.auditClock = this.auditClock;
        store.tagKeys = this.tagKeys;
        store.publishedFile = this.publishedFile;
        store.#afterCommit = afterCommit;
        return await this.#current.run(state, async () => {
          const value = await work(store);
          await store.#doLast();
          return value;
        });
      } catch (error) {
        failure.cause = error;
        throw error;
      } finally {
        state.isOpen = false;
      }
    });
    // Where the connection broke, the rollback fails as well, and would be all that is heard.
    const value = await running.catch((error: unknown) => {
      throw "cause" in failure ? failure.cause : error;
    });
    return { value, afterCommit };
  }

  /** Does a step once at the end of the transaction, with everything that was collected for it. */
  async atEnd(step: LastStep, item = ""): Promise<void> {
    if (!this.#isTransaction) return this.transaction(async (tx) => tx.atEnd(step, item));
    this.#last.set(step, [...(this.#last.get(step) ?? []), item]);
  }

  async #doLast(): Promise<void> {
    const steps = [...this.#last].toSorted(([one], [other]) => one.rank - other.rank);
    for (const [step, items] of steps) await step.run(this, items);
  }

  /** Does something in a transaction of its own once this one is committed, and never if it is rolled back. */
  async afterCommit(work: (tx: Store) => Promise<void>): Promise<void> {
    if (this.#isTransaction) this.#afterCommit.push(work);
    else await this.transaction(work);
  }

  /**
   * Whether what this process writes goes to the file that has the database's name. Once it does not, every later
   * transaction is refused until the process is started again: it would be lost with the process. PostgreSQL: always.
   */
  checkLog(): LogState {
    if (this.#lost !== undefined) return { kind: "lost", why: this.#lost };
    if (this.#file === undefined) return { kind: "same" };
    const state = compareLog(this.#file);
    if (state.kind === "same") return state;
    this.#lost = `the database lost its write-ahead log: ${state.why}`;
    return { kind: "lost", why: this.#lost };
  }

  /** Other processes that go on writing to a file that lost this database's name, as far as this user may see them. */
  processesThatLostIt(): readonly number[] {
    return this.#file === undefined ? [] : processesWithLostLog(this.#file);
  }

  /**
   * PostgreSQL's settings on which it depends whether a commit is durable. SQLite: none, because they are set when the
   * file is opened.
   */
  async durabilitySettings(): Promise<{ readonly synchronousCommit: string } | undefined> {
    if (this.engine === "sqlite") return undefined;
    const { rows } = await sql<{
      value: string;
    }>`select current_setting('synchronous_commit') as value`.execute(this.db);
    return { synchronousCommit: rows[0]?.value ?? "" };
  }

  /** Copies a SQLite database as it is at one moment, while it is in use, into a new file. */
  async copyTo(path: string): Promise<void> {
    if (this.#file === undefined) throw new Error("only a file of SQLite is copied this way");
    await copySqlite(this.#file, path);
  }

  /** The bytes that are left on the disk of a SQLite file; undefined where the disk is not ours to see. */
  roomBytes(): number | undefined {
    if (this.#file === undefined) return undefined;
    const { bavail, bsize } = statfsSync(dirname(this.#file));
    return bavail * bsize;
  }

  /**
   * Makes what was deleted physically gone: overwritten and out of the log on SQLite, vacuumed on PostgreSQL. Not for use
   * inside a transaction.
   */
  async forget(tables: readonly (keyof Schema)[] = ERASABLE): Promise<void> {
    const statement =
      this.engine === "sqlite"
        ? "pragma wal_checkpoint(truncate)"
        : // To start a process for each table with large indexes costs more than it saves.
          `vacuum (parallel 0) ${tables.join(", ")}`;
    await sql.raw(statement).execute(this.db);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isTransaction) return;
    await this.#db.destroy();
    await this.#handles?.[Symbol.asyncDispose]();
  }
}

/**
 * Opens the database and runs no migration. A read-only SQLite store needs a writer that has opened the file before
 * (its WAL), and sees each commit at once.
 * @throws Error when the file or the server cannot be opened.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const isReadOnly = options.readOnly === true;
  if (options.engine === "sqlite") {
    const { path } = options;
    const here = async () => Promise.resolve(handleOf(openFile(path, isReadOnly), isReadOnly));
    return storeOver(await new SqliteHandles(path, here).opened());
  }
  const pool = openPool(options.url, isReadOnly ? { options: READ_ONLY } : {});
  const dialect = new PostgresDialect({ pool: forKysely(pool) });
  return new Store("postgres", new Kysely<Schema>({ dialect }));
}

/** A store over the open handles of a SQLite file, which it closes. */
export function storeOver(handles: SqliteHandles): Store {
  const dialect = sqliteDialect(handles);
  const file = handles.path === ":memory:" ? undefined : handles.path;
  return new Store("sqlite", new Kysely<Schema>({ dialect }), file, handles);
}
