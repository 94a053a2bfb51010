/** Where each shard of the audit log ends. Whoever appends holds the row of the shard until the transaction ends. */
import { sql } from "kysely";

import type { Store } from "../store.ts";
import { shardOf, SHARDS } from "./audit-shards.ts";

/** The last place of a shard and the hash of the entry there; place 0 and no hash of an empty one. */
export type AuditEnd = {
  readonly shard: number;
  readonly place: number;
  readonly hash: Uint8Array;
};

/** A place in the chain of a shard. `seq` is greater than that of every entry that was committed before. */
export type AuditPlace = {
  readonly seq: number;
  readonly shard: number;
  readonly place: number;
  readonly previous: Uint8Array;
};

/**
 * Takes the next place in the shard of an account, or of entries without one (""), and holds it until the transaction ends.
 * To be used inside a transaction.
 */
export async function takeAuditPlace(store: Store, account: string): Promise<AuditPlace> {
  // PostgreSQL evaluates it once the row is held. SQLite has one writer.
  const next =
    store.engine === "postgres"
      ? sql<number>`nextval('audit_seq')`
      : sql<number>`(select max(coalesce(max(seq), 0), 0) + 1 from audit)`;
  const { seq, shard, place, hash } = await store.db
    .updateTable("audit_ends")
    .set((row) => ({ place: row("place", "+", 1) }))
    .where("shard", "=", shardOf(account))
    .returning(["shard", "place", "hash", next.as("seq")])
    .executeTakeFirstOrThrow();
  return { seq, shard, place, previous: hash };
}

/** Writes down what is at the end of a shard now. */
export async function moveAuditEnd(store: Store, { shard, hash }: AuditEnd): Promise<void> {
  await store.db.updateTable("audit_ends").set({ hash }).where("shard", "=", shard).execute();
}

/**
 * Keeps everybody else from writing to the shard of an account, or of entries without one (""), until the transaction ends.
 * To be used inside a transaction.
 */
export async function holdAuditEnd(store: Store, account: string): Promise<void> {
  // A transaction on SQLite holds the only write lock already.
  const query = store.db
    .selectFrom("audit_ends")
    .select("place")
    .where("shard", "=", shardOf(account));
  await (store.engine === "postgres" ? query.forUpdate() : query).executeTakeFirstOrThrow();
}

/** The ends of all shards at one moment, in their order. */
export async function readAuditEnds(store: Store): Promise<readonly AuditEnd[]> {
  const rows = await store.db.selectFrom("audit_ends").selectAll().execute();
  const ends = new Map(rows.map((row) => [row.shard, row]));
  return SHARDS.map((shard) => ends.get(shard) ?? { shard, place: 0, hash: new Uint8Array() });
}
