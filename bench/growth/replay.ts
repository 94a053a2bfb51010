/** The queries of one event, run again and again: what the database alone costs of it. */
import type { CompiledQuery } from "kysely";

import type { Store } from "../../src/store/store.ts";
import { recording } from "../../test/support/recorded-queries.ts";

/** Ends a transaction of a measurement: it leaves nothing behind. */
class Undone extends Error {}

/** The queries of an event, which is undone afterwards. Its mathematics is done this once. */
export async function queriesOf(
  store: Store,
  event: (tx: Store) => Promise<unknown>,
): Promise<readonly CompiledQuery[]> {
  const { store: recorded, queries } = recording(store);
  recorded.auditMac = store.auditMac;
  await undone(recorded, event);
  return queries.map(({ query }) => query);
}

/** Runs the queries in a transaction of their own, which is undone. */
export async function replay(store: Store, queries: readonly CompiledQuery[]): Promise<void> {
  await undone(store, async ({ db }) => {
    for (const query of queries) await db.executeQuery(query);
  });
}

async function undone(store: Store, work: (tx: Store) => Promise<unknown>): Promise<void> {
  try {
    await store.transaction(async (tx) => {
      await work(tx);
      throw new Undone();
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
}
