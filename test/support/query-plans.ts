/** How an engine would run a query: what in its plan reads more rows than the query is about. */
import { CompiledQuery, sql } from "kysely";

import type { Store } from "../../src/store/store.ts";
import type { RecordedQuery } from "./recorded-queries.ts";

/**
 * Rows that a query reads and does not want. `scan`: all of a table or an index. `filter`: those that an index finds are
 * looked through for the ones that are wanted. `of` is the table, by the name that it has in the query; `index` the index that
 * is read, "" without one.
 */
export type Waste = {
  readonly kind: "scan" | "filter";
  readonly of: string;
  readonly index: string;
};

/** What is about rows: the catalog, settings and tables themselves are not. */
const ABOUT_ROWS =
  /^\s*(?:select|insert|update|delete|with)\b(?!.*(?:pg_catalog|pg_advisory|sqlite_master|pragma_|current_setting))/is;

/**
 * The waste in the plan of each query. PostgreSQL plans with the figures of the rows that are there. Sequential scans are
 * off, because a test has so few rows that it would prefer them. SQLite plans without figures, as in service, and says of
 * each table which index it uses, but not what it looks through: only `scan` is known there.
 */
export async function wasteOf(
  store: Store,
  queries: readonly RecordedQuery[],
): Promise<ReadonlyMap<RecordedQuery, readonly Waste[]>> {
  const found = new Map<RecordedQuery, readonly Waste[]>();
  const uniqueOf = store.engine === "postgres" ? await uniqueIndexes(store) : new Map();
  await store.transaction(async ({ engine, db }) => {
    if (engine === "postgres") {
      await sql`set local enable_seqscan = off`.execute(db);
      await sql`analyze`.execute(db);
    }
    for (const recorded of queries) {
      const { sql: text, parameters } = recorded.query;
      if (!ABOUT_ROWS.test(text)) continue;
      const how = engine === "postgres" ? "explain (format json)" : "explain query plan";
      const query = CompiledQuery.raw(`${how} ${text}`, [...parameters]);
      const { rows } = await db.executeQuery<Record<string, unknown>>(query);
      const waste =
        engine === "postgres"
          ? wasteInPostgres(rows, uniqueOf)
          : rows.flatMap((row) => wasteInSqlite(String(row["detail"])));
      found.set(recorded, waste);
    }
  });
  return found;
}

/** https://www.sqlite.org/eqp.html */
function wasteInSqlite(detail: string): readonly Waste[] {
  const scanned =
    /^SCAN (?!CONSTANT ROW|\d+-ROW|\(subquery)(?<of>\S+)(?:.* INDEX (?<index>\S+))?/.exec(detail);
  const built = /^SEARCH (?<of>\S+) USING AUTOMATIC/.exec(detail);
  const { of, index = "" } = (scanned ?? built)?.groups ?? {};
  return of === undefined ? [] : [{ kind: "scan", of, index }];
}

/** https://www.postgresql.org/docs/15/using-explain.html */
type PlanNode = {
  readonly "Node Type": string;
  readonly Alias?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly Filter?: string;
  readonly Plans?: readonly PlanNode[];
};

/** The columns of each unique index. */
type Unique = ReadonlyMap<string, readonly string[]>;

function wasteInPostgres(
  rows: readonly Record<string, unknown>[],
  unique: Unique,
): readonly Waste[] {
  const plans = rows[0]?.["QUERY PLAN"] as readonly { readonly Plan: PlanNode }[];
  return plans.flatMap(({ Plan: plan }) => wasteInNode(plan, undefined, unique));
}

function wasteInNode(
  node: PlanNode,
  above: PlanNode | undefined,
  unique: Unique,
): readonly Waste[] {
  const below = (node.Plans ?? []).flatMap((one) => wasteInNode(one, node, unique));
  const kind = kindOfWaste(node, above, unique);
  if (kind === undefined) return below;
  const { index } = indexOf(node);
  return [{ kind, of: node.Alias ?? above?.Alias ?? "?", index: index ?? "" }, ...below];
}

function kindOfWaste(
  node: PlanNode,
  above: PlanNode | undefined,
  unique: Unique,
): Waste["kind"] | undefined {
  if (node["Node Type"] === "Seq Scan") return "scan";
  const { index, condition } = indexOf(node);
  if (index === undefined) return undefined;
  const isFiltered = node.Filter !== undefined;
  // The heap is read as far as the index below it says.
  if (condition === undefined && node["Index Name"] !== undefined) {
    // A page in the order of an index is no longer than its limit.
    return above?.["Node Type"] === "Limit" && !isFiltered ? undefined : "scan";
  }
  return isFiltered && !isAboutOne(condition, unique.get(index)) ? "filter" : undefined;
}

/** The index that a node reads, itself or through the one below it. */
function indexOf(node: PlanNode): {
  readonly index: string | undefined;
  readonly condition: string | undefined;
} {
  const from = node["Node Type"] === "Bitmap Heap Scan" ? node.Plans?.[0] : node;
  return { index: from?.["Index Name"], condition: from?.["Index Cond"] };
}

/** Whether a unique index finds one row at most. */
function isAboutOne(condition: string | undefined, columns: readonly string[] = []): boolean {
  return (
    columns.length > 0 && columns.every((column) => condition?.includes(`(${column} = `) === true)
  );
}

async function uniqueIndexes(store: Store): Promise<Unique> {
  const { rows } = await sql<{ name: string; columns: readonly string[] }>`
    select c.relname as name, array_agg(a.attname::text) as columns
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_attribute a on a.attrelid = c.oid
    where i.indisunique group by c.relname`.execute(store.db);
  return new Map(rows.map(({ name, columns }) => [name, columns]));
}

/**
 * The columns that refer to another table, of several together the first, and those of each index in their order. Both are
 * `table(column,` with a comma behind each column.
 */
export async function referencesAndIndexes(store: Store): Promise<{
  readonly references: readonly string[];
  readonly indexes: readonly string[];
}> {
  const { references, indexes } = store.engine === "sqlite" ? IN_SQLITE : IN_POSTGRES;
  const texts = async (text: string): Promise<readonly string[]> => {
    const { rows } = await sql<{ text: string }>`${sql.raw(text)}`.execute(store.db);
    return rows.map((row) => row.text);
  };
  return { references: await texts(references), indexes: await texts(indexes) };
}

/** A partial index finds only some of the rows. */
const IN_SQLITE = {
  references: `select m.name || '(' || f."from" || ',' as text
    from sqlite_master m join pragma_foreign_key_list(m.name) f
    where m.type = 'table' and f.seq = 0`,
  indexes: `select m.name || '(' || group_concat(i.name, ',') || ',' as text
    from sqlite_master m join pragma_index_list(m.name) l join pragma_index_info(l.name) i
    where m.type = 'table' and l.partial = 0 group by m.name, l.name`,
};
const IN_POSTGRES = {
  references: `select c.relname || '(' || a.attname || ',' as text
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1] where k.contype = 'f'`,
  indexes: `select t.relname || '(' || string_agg(a.attname, ',' order by a.attnum) || ',' as text
    from pg_index i join pg_class t on t.oid = i.indrelid join pg_attribute a on a.attrelid = i.indexrelid
    where i.indpred is null group by t.relname, i.indexrelid`,
};
