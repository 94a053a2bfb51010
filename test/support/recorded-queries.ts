/** Which queries a store runs, and where in the source each is run. */
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { mock } from "node:test";

import {
  type CompiledQuery,
  Kysely,
  type KyselyPlugin,
  PostgresQueryCompiler,
  type RootOperationNode,
  SqliteQueryCompiler,
} from "kysely";

import { type Engine, Store } from "../../src/store/store.ts";

const SRC = join(import.meta.dirname, "../../src");
const COMPILED = "store/engine/compiled.ts";
/** What runs a query, built or compiled. */
const RUNS_IT = /\.(?:execute|executeTakeFirst|executeTakeFirstOrThrow|stream)(?:<[^>]*>)?\(/;
/** `store.ts` begins its transactions with a call of that name. */
const BEGINS_TRANSACTION = /\.transaction\(\)\.execute\(/;

/** A query, and where it was run: `place` is `store/FILE:LINE`, `by` the name of the function. */
export type RecordedQuery = {
  readonly place: string;
  readonly by: string;
  readonly query: CompiledQuery;
};

/** A store over the same connections, which writes its queries down. */
export function recording(store: Store): {
  readonly store: Store;
  readonly queries: readonly RecordedQuery[];
} {
  const queries: RecordedQuery[] = [];
  const compiler = compilerOf(store.engine);
  const plugin: KyselyPlugin = {
    transformQuery: ({ node, queryId }) => {
      const from = caller();
      const query = compiler.compileQuery(node as RootOperationNode, queryId);
      if (from !== undefined) queries.push({ ...from, query });
      return node;
    },
    transformResult: async ({ result }) => Promise.resolve(result),
  };
  recordCompiled(plugin, (query) => {
    const from = caller();
    if (from !== undefined) queries.push({ ...from, query });
  });
  const recorded = new Store(store.engine, store.db.withPlugin(plugin));
  recorded.tagKeys = store.tagKeys;
  return { store: recorded, queries };
}

/**
 * A query that was compiled before (`store/engine/compiled.ts`) goes past the plugins, which see how queries are built. It is
 * seen here as it runs: with its own SQL, and its values.
 */
function recordCompiled(plugin: KyselyPlugin, saw: (query: CompiledQuery) => void): void {
  const executeQuery = Reflect.get(Kysely.prototype, "executeQuery") as Store["db"]["executeQuery"];
  mock.method(Kysely.prototype, "executeQuery", async function <
    Row,
  >(this: Kysely<unknown>, query: CompiledQuery<Row>) {
    if (this.getExecutor().plugins.includes(plugin)) saw(query);
    return executeQuery.call(this, query);
  });
}

function compilerOf(engine: Engine): PostgresQueryCompiler | SqliteQueryCompiler {
  return engine === "postgres" ? new PostgresQueryCompiler() : new SqliteQueryCompiler();
}

/** Every place in `src/store/` that runs a query, as `store/FILE:LINE`; without the migrations. */
export function placesThatRunQueries(): readonly string[] {
  return globSync("store/**/*.ts", { cwd: SRC })
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap((file) =>
      readFileSync(join(SRC, file), "utf8")
        .split("\n")
        .flatMap((line, index) =>
          RUNS_IT.test(line) && !BEGINS_TRANSACTION.test(line)
            ? [`${file}:${String(index + 1)}`]
            : [],
        ),
    );
}

/** Kysely is called by what runs the query. Only `compiled.ts` may stand between them. */
function caller(): Pick<RecordedQuery, "place" | "by"> | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const stack = new Error().stack ?? "";
  Error.stackTraceLimit = limit;
  for (const [, path = "", line = ""] of stack.matchAll(/file:\/\/([^:)]+):(\d+):\d+/g)) {
    const file = relative(SRC, path);
    if (!file.startsWith("..") && file !== COMPILED)
      return { place: `${file}:${line}`, by: functionAt(file, Number(line)) };
  }
  return undefined;
}

/** The function, or the method, that begins last before a line. */
function functionAt(file: string, line: number): string {
  const before = readFileSync(join(SRC, file), "utf8").split("\n").slice(0, line);
  const names = before.flatMap((text) => nameIn(text));
  return names.at(-1) ?? "";
}

function nameIn(text: string): readonly string[] {
  const [, functionName, method] = BEGINS.exec(text) ?? [];
  const name = functionName ?? method;
  return name === undefined ? [] : [name];
}

const BEGINS = /^(?:export )?(?:async )?function\*? (\w+)|^ {2}async (\w+)\(/;
