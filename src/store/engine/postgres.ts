/** Connections to PostgreSQL, for the store and for the keyserver: what they have in common, and what breaks them. */
import type { PostgresPool, PostgresPoolClient } from "kysely";
import pg from "pg";

import { SECOND } from "../../base/time.ts";
import { postgresTrouble } from "./trouble.ts";

const CONNECT_TIMEOUT_MS = 10 * SECOND;
const POOL_SIZE = 10;

/**
 * A pool that survives its server. A connection that breaks says so by an `error` event, whether it is idle or at work:
 * unheard, that ends the process. Whoever waits on the connection gets the error as well, and the next query makes
 * another connection.
 */
export function openPool(url: string, options: pg.PoolConfig = {}): pg.Pool {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number);
  types.setTypeParser(pg.types.builtins.NUMERIC, Number);
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...options,
  });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** Begins every transaction of a connection as one that only reads. */
export const READ_ONLY = "-c default_transaction_read_only=on";

/** The pool in the shape that Kysely's dialect asks for, whose errors name the trouble behind them. */
export function forKysely(pool: pg.Pool): PostgresPool {
  const clients = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    options: pool.options,
    connect: async () => {
      const client = await named(async () => pool.connect());
      const known = clients.get(client) ?? naming(client);
      clients.set(client, known);
      return known;
    },
    end: async () => pool.end(),
  };
}

function naming(client: pg.PoolClient): PostgresPoolClient {
  const query = async (text: string, values: readonly unknown[]): Promise<unknown> =>
    named(async () => client.query(text, [...values]));
  return {
    query: query as PostgresPoolClient["query"],
    release: (isBroken) => {
      client.release(isBroken);
    },
  };
}

async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw postgresTrouble(error);
  }
}
