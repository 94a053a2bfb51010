import { type Selectable, sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import { compiled, picked } from "../engine/compiled.ts";
import { wordFrom } from "../engine/row.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";
import { namesIn } from "./trace-names.ts";

/** Mail that a user of ours sends, or receives. */
export type Direction = "out" | "in";

/** One thing that was decided about a message; `detail` is JSON text. */
export type TraceRow = {
  readonly messageId: string;
  readonly at: Date;
  readonly direction: Direction;
  readonly step: string;
  readonly detail: string;
  readonly expiresAt: Date;
  /** The name of the SMTP transaction that the row tells of; undefined in all others. */
  readonly transaction?: string | undefined;
};

const DIRECTIONS: readonly Direction[] = ["out", "in"];

/** Writes rows in one statement: all of them, or none. */
export async function insertTraces(store: Store, rows: readonly TraceRow[]): Promise<void> {
  const [first, ...others] = rows.map(toRow);
  if (first === undefined) return;
  if (others.length === 0) await insertOne(store, first).execute();
  else
    await store.db
      .insertInto("trace")
      .values([first, ...others])
      .execute();
}

type NewRow = Omit<Selectable<Schema["trace"]>, "id">;

const insertOne = compiled((db, row: NewRow) =>
  db.insertInto("trace").values(picked(row, COLUMNS)),
);

const COLUMNS = [
  "message_id",
  "at",
  "direction",
  "step",
  "detail",
  "expires_at",
  "names",
  "transaction_id",
] as const;

function toRow(row: TraceRow): NewRow {
  return {
    message_id: row.messageId,
    at: row.at.getTime(),
    direction: row.direction,
    step: row.step,
    detail: row.detail,
    expires_at: row.expiresAt.getTime(),
    names: JSON.stringify(namesIn(row.detail)),
    transaction_id: row.transaction ?? "",
  };
}

/** What happened to a message, in the order in which it was written. */
export async function selectTrace(store: Store, messageId: string): Promise<readonly TraceRow[]> {
  const rows = await store.db
    .selectFrom("trace")
    .selectAll()
    .where("message_id", "=", messageId)
    .orderBy("id")
    .execute();
  return rows.map(fromRow);
}

/** The row that tells of a transaction. */
export async function selectTransaction(
  store: Store,
  transaction: string,
): Promise<TraceRow | undefined> {
  if (transaction === "") return undefined;
  const row = await store.db
    .selectFrom("trace")
    .selectAll()
    .where("transaction_id", "=", transaction)
    // The index is of these rows only.
    .where("transaction_id", "<>", sql.lit(""))
    .orderBy("id")
    .executeTakeFirst();
  return row === undefined ? undefined : fromRow(row);
}

function fromRow(row: Selectable<Schema["trace"]>): TraceRow {
  return {
    messageId: row.message_id,
    at: fromUnixMs(row.at),
    direction: wordFrom(DIRECTIONS, row.direction),
    step: row.step,
    detail: row.detail,
    expiresAt: fromUnixMs(row.expires_at),
    ...(row.transaction_id === "" ? {} : { transaction: row.transaction_id }),
  };
}

/** Deletes what has expired. */
export async function purgeTrace(store: Store, now: Date): Promise<void> {
  await store.db.deleteFrom("trace").where("expires_at", "<=", now.getTime()).execute();
}
