/**
 * Kysely's way to SQLite. One connection writes, and its transactions take turns. Where a second connection reads, a query outside
 * of a transaction does not wait for these: it sees what was committed last, as on PostgreSQL.
 */
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SelectQueryNode,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";

import type { SqliteAnswer, SqliteHandle, SqliteRequest } from "./sqlite-handle.ts";
import { sqliteTrouble } from "./trouble.ts";

/** The open handles of a file, each opened again after its end. */
export class SqliteHandles implements AsyncDisposable {
  readonly path: string;
  readonly writer: Reopened;
  /** Undefined: the writer reads, too. */
  readonly reader: Reopened | undefined;

  constructor(path: string, open: OpenHandle, openReader?: OpenHandle) {
    this.path = path;
    this.writer = new Reopened(open);
    this.reader = openReader && new Reopened(openReader);
  }

  /** Opens what is not open. @throws DatabaseTrouble when that is not possible. */
  async opened(): Promise<this> {
    try {
      // The reader needs a write-ahead log, which the writer makes.
      await this.writer.handle();
      await this.reader?.handle();
      return this;
    } catch (error) {
      throw sqliteTrouble(error, this.path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader?.close();
    await this.writer.close();
  }
}

type OpenHandle = () => Promise<SqliteHandle>;

/** The dialect over these handles. */
export function sqliteDialect(handles: SqliteHandles): Dialect {
  return {
    createDriver: () => new SqliteDriver(handles),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new OwnTurns(),
    createIntrospector: (db: Kysely<unknown>): DatabaseIntrospector => new SqliteIntrospector(db),
  };
}

/** The driver itself knows who has to wait. */
class OwnTurns extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

class SqliteDriver implements Driver {
  readonly #handles: SqliteHandles;
  readonly #turns = new Turns();

  constructor(handles: SqliteHandles) {
    this.#handles = handles;
  }

  async init(): Promise<void> {
    return Promise.resolve();
  }

  async acquireConnection(): Promise<Connection> {
    return Promise.resolve(new Connection(this.#handles, this.#turns));
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).begin();
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).end("commit");
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).end("rollback");
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    own(connection).release();
    return Promise.resolve();
  }

  /** The caller that opened the handles closes them. */
  async destroy(): Promise<void> {
    return Promise.resolve();
  }
}

function own(connection: DatabaseConnection): Connection {
  if (connection instanceof Connection) return connection;
  throw new TypeError("a connection of another driver");
}

/** A transaction, or a query outside of one. */
class Connection implements DatabaseConnection {
  readonly #handles: SqliteHandles;
  readonly #turns: Turns;
  #transaction: { readonly handle: SqliteHandle; hasBegun: boolean } | undefined;
  #leave: (() => void) | undefined;

  constructor(handles: SqliteHandles, turns: Turns) {
    this.#handles = handles;
    this.#turns = turns;
  }

  async executeQuery<Row>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<Row>> {
    const transaction = this.#transaction;
    if (transaction !== undefined) {
      const place = transaction.hasBegun ? "within" : "first";
      transaction.hasBegun = true;
      return resultOf(await this.#run(transaction.handle, { sql, parameters, place }));
    }
    const request = { sql, parameters, place: "alone" } as const;
    const { reader, writer } = this.#handles;
    if (reader !== undefined && SelectQueryNode.is(query)) {
      return resultOf(await this.#run(reader, request));
    }
    const leave = await this.#turns.enter();
    try {
      return resultOf(await this.#run(writer, request));
    } finally {
      leave();
    }
  }

  // oxlint-disable-next-line require-yield -- the interface asks for a generator
  async *streamQuery(): AsyncIterableIterator<never> {
    await Promise.reject(new Error("rows are not streamed from SQLite"));
  }

  /** Waits for its turn. The file is locked by the first statement. */
  async begin(): Promise<void> {
    this.#leave = await this.#turns.enter();
    this.#transaction = {
      handle: await this.#named(async () => this.#handles.writer.handle()),
      hasBegun: false,
    };
  }

  async end(how: "commit" | "rollback"): Promise<void> {
    const transaction = this.#transaction;
    if (transaction?.hasBegun === true) {
      // What had no answer is rolled back with the handle.
      if (how === "rollback" && transaction.handle.isOver()) return;
      await this.#run(transaction.handle, { sql: how, parameters: [], place: "within" });
    }
  }

  release(): void {
    this.#transaction = undefined;
    this.#leave?.();
    this.#leave = undefined;
  }

  async #run(on: SqliteHandle | Reopened, request: SqliteRequest): Promise<SqliteAnswer> {
    return this.#named(async () => (on instanceof Reopened ? await on.handle() : on).run(request));
  }

  async #named<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw sqliteTrouble(error, this.#handles.path);
    }
  }
}

function resultOf<Row>({ rows, changes, lastInsertRowid }: SqliteAnswer): QueryResult<Row> {
  const given = rows as Row[];
  if (changes === undefined || lastInsertRowid === undefined) return { rows: given };
  return { rows: given, numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}

/** A handle that is opened when it is first needed, and again after its end. */
class Reopened {
  readonly #open: () => Promise<SqliteHandle>;
  #opening: Promise<SqliteHandle> | undefined;

  constructor(open: () => Promise<SqliteHandle>) {
    this.#open = open;
  }

  async handle(): Promise<SqliteHandle> {
    const opening = (this.#opening ??= this.#open());
    const handle = await opening.catch((error: unknown) => {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    });
    if (!handle.isOver()) return handle;
    // Of callers that find it over at the same time, the first opens it.
    if (this.#opening === opening) this.#opening = undefined;
    return this.handle();
  }

  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }
}

/** One at a time, in the order in which they came. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #isTaken = false;

  /** @returns what ends the turn. */
  async enter(): Promise<() => void> {
    if (this.#isTaken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isTaken = true;
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#isTaken = false;
      else next();
    };
  }
}
