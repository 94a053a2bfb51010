/** The octets of stored messages. A blob never changes; several messages may refer to one. */
import { sql, type SelectQueryBuilder } from "kysely";

import { type Octets, octetsIn } from "../../base/large-octets.ts";
import type { AccountId } from "../../words/account.ts";
import { insertPieces, readPieces, rowPart } from "../engine/pieces.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";

const PIECES = { table: "blob_pieces" } as const;

/** Keeps octets of an account under a new name, in the transaction that refers to them. */
export async function insertBlob(
  tx: Store,
  account: AccountId,
  id: string,
  octets: Octets,
): Promise<void> {
  const { inRow, pieces } = rowPart(octets);
  await tx.db
    .insertInto("blobs")
    .values({ id, account, size: octetsIn(octets), pieces, bytes: inRow })
    .execute();
  await insertPieces(tx, { ...PIECES, owner: id, name: pieces }, octets);
}

/** Makes a blob of the octets of a message that waits, which the caller's transaction deletes. They stay in the database. */
export async function copyWaiting(
  tx: Store,
  account: AccountId,
  waiting: string,
  id: string,
): Promise<void> {
  const pieces = (): SelectQueryBuilder<Schema, "message_pieces", object> =>
    tx.db.selectFrom("message_pieces").where("owner", "=", waiting);
  await tx.db
    .insertInto("blobs")
    .columns(["id", "account", "size", "pieces", "bytes"])
    .expression(
      tx.db
        .selectFrom("messages")
        .select([
          sql.val(id).as("id"),
          "account",
          sql<number>`length(body) + (${pieces().select(sql<number>`coalesce(sum(length(bytes)), 0)`.as("size"))})`.as(
            "size",
          ),
          "pieces",
          "body",
        ])
        .where("id", "=", waiting)
        .where("account", "=", account),
    )
    .execute();
  await tx.db
    .insertInto("blob_pieces")
    .columns(["owner", "name", "number", "bytes"])
    .expression(pieces().select([sql.val(id).as("owner"), "name", "number", "bytes"]))
    .execute();
}

/** How long a blob is, in octets; 0 when it was deleted. */
export async function sizeOfBlob(store: Store, id: string): Promise<number> {
  const row = await store.db
    .selectFrom("blobs")
    .select("size")
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.size ?? 0;
}

/** The octets of a blob; undefined when it was deleted. */
export async function readBlob(store: Store, id: string): Promise<Uint8Array | undefined> {
  const row = await store.db
    .selectFrom("blobs")
    .select(["pieces", "bytes"])
    .where("id", "=", id)
    .executeTakeFirst();
  if (row === undefined || row.pieces === "") return row?.bytes;
  return readPieces(store, { ...PIECES, owner: id, name: row.pieces });
}

/** Deletes those of the blobs that no message refers to any more, in the transaction that deleted a reference. */
export async function deleteUnusedBlobs(tx: Store, ids: readonly string[]): Promise<void> {
  await tx.db
    .deleteFrom("blobs")
    .where("id", "in", ids)
    .where((row) =>
      row.not(
        row.exists(
          row.selectFrom("mailbox_messages").select("id").whereRef("blob", "=", "blobs.id"),
        ),
      ),
    )
    .execute();
}
