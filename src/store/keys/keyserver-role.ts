import { constants, type DatabaseSync } from "node:sqlite";
import pg from "pg";

import { SECOND } from "../../base/time.ts";

/** All that a keyserver reads: what is published, and whether the tables are up to date. */
export const KEYSERVER_TABLES = [
  "certificate_ids",
  "migrations",
  "published_certificates",
  "published_version",
] as const;

const CONNECT_TIMEOUT_MS = 10 * SECOND;
const ROLE_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * Lets a SQLite handle prepare nothing but reads of the keyserver's tables: neither another table nor the schema, no pragma
 * and no other file. Statements prepared before are not affected.
 */
export function restrictToPublished(database: DatabaseSync): void {
  const tables = new Set<string>(KEYSERVER_TABLES);
  database.setAuthorizer((action, table) => {
    const mayDo =
      action === constants.SQLITE_SELECT ||
      action === constants.SQLITE_TRANSACTION ||
      (action === constants.SQLITE_READ && table !== null && tables.has(table));
    return mayDo ? constants.SQLITE_OK : constants.SQLITE_DENY;
  });
}

/** The SQL that makes a PostgreSQL role a keyserver's; undefined when the name is not a plain one, in lower case. */
export function grantsFor(role: string): readonly string[] | undefined {
  if (!ROLE_NAME.test(role)) return undefined;
  return [
    `revoke all on all tables in schema public from ${role};`,
    `revoke all on all sequences in schema public from ${role};`,
    `grant usage on schema public to ${role};`,
    `grant select on ${KEYSERVER_TABLES.join(", ")} to ${role};`,
  ];
}

/**
 * Every table, view or sequence that is too much for a keyserver: it can be read and is not published, or can be changed,
 * be it by membership of another role.
 */
const TOO_MUCH = `
  select distinct c.relname as name
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_roles r on pg_has_role(current_user, r.oid, 'MEMBER')
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
    and (
      pg_has_role(r.oid, c.relowner, 'USAGE')
      or has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
      or has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')
      or (has_any_column_privilege(r.oid, c.oid, 'SELECT')
          and not (c.relname = any ($1) and n.nspname = current_schema()))
    )
  order by name`;

/** What the role of a PostgreSQL URL may do beyond reading what is published; none is as it must be. */
export async function rightsBeyondPublished(url: string): Promise<readonly string[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
  });
  // What breaks the connection fails the question too; unheard, its event would end the process.
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(TOO_MUCH, [[...KEYSERVER_TABLES]]);
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
