/**
 * Queries that run for each message. Kysely's builder takes longer to make the SQL of a small query than SQLite takes to run it, so
 * that such a query is built once for each engine. Its values are named, and are bound at each run.
 */
import {
  type Compilable,
  type CompiledQuery,
  type DeleteResult,
  DummyDriver,
  type InsertResult,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type UpdateResult,
} from "kysely";

import type { Engine, Store } from "../store.ts";
import type { Schema } from "./schema.ts";

/** What a run returns: the rows, and none for a change without `returning`. */
type Rows<Row> = [Row] extends [InsertResult | UpdateResult | DeleteResult] ? [] : Row[];

/** A query with its values, for one run. Its methods do what Kysely's of the same names do. */
export type BoundQuery<Row> = {
  readonly execute: () => Promise<Rows<Row>>;
  readonly executeTakeFirst: () => Promise<Rows<Row>[number] | undefined>;
};

/**
 * A query that `build` makes once for each engine. `build` is given a stand-in for each value, of the value's type. It may only put
 * these into the query, each at least once. A query of another shape is another query.
 * @returns a function that binds the values of one run.
 */
export function compiled<Values extends object, Row>(
  build: (db: Kysely<Schema>, values: Values, engine: Engine) => Compilable<Row>,
): (store: Store, values: Values) => BoundQuery<Row> {
  const queries = new Map<Engine, CompiledQuery<Row>>();
  const queryFor = (engine: Engine): CompiledQuery<Row> => {
    const known = queries.get(engine) ?? compile(engine, build);
    queries.set(engine, known);
    return known;
  };
  return (store, values) => {
    const query = bind(queryFor(store.engine), values);
    const rows = async () => (await store.db.executeQuery(query)).rows as Rows<Row>;
    return { execute: rows, executeTakeFirst: async () => (await rows())[0] };
  };
}

/** Some of the values by their names, as the columns of a row to insert. */
export function picked<Values extends object, Name extends keyof Values>(
  values: Values,
  names: readonly Name[],
): Pick<Values, Name> {
  return Object.fromEntries(names.map((name) => [name, values[name]])) as Pick<Values, Name>;
}

/** Stands for a value in a query that is built. It is no text and no number, so that nothing is made of it. */
class StandIn {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  [Symbol.toPrimitive](): never {
    throw new TypeError(`the value ${this.name} is not known while its query is built`);
  }
}

function compile<Values extends object, Row>(
  engine: Engine,
  build: (db: Kysely<Schema>, values: Values, engine: Engine) => Compilable<Row>,
): CompiledQuery<Row> {
  const asked = new Set<string>();
  const standIns = new Proxy({} as Values, {
    get: (_values, name) => {
      asked.add(String(name));
      return new StandIn(String(name));
    },
  });
  const query = build(builderFor(engine), standIns, engine).compile();
  const bound = new Set(query.parameters.map((one) => (one instanceof StandIn ? one.name : "")));
  const unbound = [...asked].filter((name) => !bound.has(name));
  // What is asked for and not bound has decided the shape of the query: of every later run, too.
  if (unbound.length > 0) throw new TypeError(`a query does not bind ${unbound.join(", ")}`);
  return query;
}

function bind<Row>(query: CompiledQuery<Row>, values: object): CompiledQuery<Row> {
  const parameters = query.parameters.map((one) => {
    if (!(one instanceof StandIn)) return one;
    const value: unknown = Reflect.get(values, one.name);
    // PostgreSQL's driver would take it for null.
    if (value === undefined) throw new TypeError(`a query has no value for ${one.name}`);
    return value;
  });
  return { ...query, parameters };
}

/** Builds queries, and runs none. */
function builderFor(engine: Engine): Kysely<Schema> {
  const isPostgres = engine === "postgres";
  return new Kysely<Schema>({
    dialect: {
      createDriver: () => new DummyDriver(),
      createAdapter: () => (isPostgres ? new PostgresAdapter() : new SqliteAdapter()),
      createQueryCompiler: () =>
        isPostgres ? new PostgresQueryCompiler() : new SqliteQueryCompiler(),
      createIntrospector: (db: Kysely<unknown>) =>
        isPostgres ? new PostgresIntrospector(db) : new SqliteIntrospector(db),
    },
  });
}
