/**
 * Octet strings that are too large for one row. A value goes into a row in one call, in which SQLite holds two copies of it
 * and nobody else is served. A large one is therefore kept in pieces, in a table beside that of its owner. A set of
 * pieces never changes: other octets are another set, under another name.
 */
import { randomUUID } from "node:crypto";
import { sql } from "kysely";

import { AppError } from "../../base/errors.ts";
import {
  LARGE_OCTETS,
  newOctets,
  type Octets,
  octetsIn,
  octetStringsIn,
} from "../../base/large-octets.ts";
import type { Store } from "../store.ts";

export type PiecesTable = "blob_pieces" | "outbox_pieces";

/** A set of pieces: where it is, whose it is, and its name. */
export type PieceSet = {
  readonly table: PiecesTable;
  readonly owner: string;
  readonly name: string;
};

/** Maximum length of a piece: smaller ones take more messages between threads, larger ones more memory at a time. */
const PIECE_OCTETS = 1024 * 1024;

/** What of a value stands in its row: all of it, or only the name of a new set of pieces. */
export function rowPart(value: Octets): { readonly inRow: Uint8Array; readonly pieces: string } {
  return octetsIn(value) > LARGE_OCTETS
    ? { inRow: new Uint8Array(), pieces: randomUUID() }
    : { inRow: Buffer.concat(octetStringsIn(value)), pieces: "" };
}

/** Writes a set, if it has a name; its owner has its row already, in the same transaction. */
export async function insertPieces(
  tx: Store,
  { table, owner, name }: PieceSet,
  value: Octets,
): Promise<void> {
  if (name === "") return;
  let number = 0;
  for (const bytes of cut(value)) {
    await tx.db.insertInto(table).values({ owner, name, number, bytes }).execute();
    number += 1;
  }
}

/** All other sets of the owner go. */
export async function keepOnly(tx: Store, { table, owner, name }: PieceSet): Promise<void> {
  await tx.db.deleteFrom(table).where("owner", "=", owner).where("name", "<>", name).execute();
}

/** The value; undefined when it has been replaced or deleted. */
export async function readPieces(
  store: Store,
  { table, owner, name }: PieceSet,
): Promise<Uint8Array | undefined> {
  const { length } = await store.db
    .selectFrom(table)
    .select(sql<number>`coalesce(sum(length(bytes)), 0)`.as("length"))
    .where("owner", "=", owner)
    .where("name", "=", name)
    .executeTakeFirstOrThrow();
  const value = newOctets(Number(length));
  let at = 0;
  for (let number = 0; at < value.length; number += 1) {
    const row = await store.db
      .selectFrom(table)
      .select("bytes")
      .where("owner", "=", owner)
      .where("name", "=", name)
      .where("number", "=", number)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    value.set(row.bytes, at);
    at += row.bytes.length;
  }
  return at === 0 ? undefined : value;
}

/**
 * What `read` gives of a row whose value is in pieces. Between its two queries somebody may put another value there: then
 * the row is read again and names other pieces.
 * @throws AppError when it names the same ones: somebody deleted them from the database.
 */
export async function untilWhole<Row extends { readonly pieces: string }, Value>(
  row: () => Promise<Row | undefined>,
  read: (row: Row) => Promise<Value | undefined>,
): Promise<Value | undefined> {
  for (let before = ""; ;) {
    const found = await row();
    if (found === undefined) return undefined;
    const value = await read(found);
    if (value !== undefined) return value;
    if (found.pieces === before) {
      throw new AppError(
        "pieces of a message are missing in the database: restore a backup (docs/operate/backup.md)",
        {
          temporary: true,
        },
      );
    }
    before = found.pieces;
  }
}

/** In the order of the value, none longer than a piece and none empty. */
function* cut(value: Octets): Generator<Uint8Array> {
  for (const part of octetStringsIn(value)) {
    for (let at = 0; at < part.length; at += PIECE_OCTETS) {
      yield part.subarray(at, at + PIECE_OCTETS);
    }
  }
}
