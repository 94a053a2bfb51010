/**
 * The octets of stored messages. A blob never changes; several messages may refer to one. Its row says where the octets
 * are: in the database, or elsewhere under the blob's name, which is random and never given again.
 */
import { type Selectable, sql } from "kysely";

import { AppError } from "../../base/errors.ts";
import type { Octets } from "../../base/large-octets.ts";
import type { AccountId } from "../../words/account.ts";
import { compiled, picked } from "../engine/compiled.ts";
import { holdName } from "../engine/named-lock.ts";
import { insertPieces, readPieces, rowPart, untilWhole } from "../engine/pieces.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";

/** Where the octets of a blob are. */
export type BlobPlace = "database" | "folder";

/** A blob whose row is still to be written: with its octets, or durable elsewhere already. */
export type PutBlob =
  | {
      readonly place: "database";
      readonly id: string;
      readonly sizeBytes: number;
      readonly octets: Octets;
    }
  | {
      readonly place: Exclude<BlobPlace, "database">;
      readonly id: string;
      readonly sizeBytes: number;
      /** Whether the octets still are where they were put: a sweep may have taken them. */
      readonly isThere: () => Promise<boolean>;
    };

/** A blob to refer to: one whose row is still to be written, or one that has its row. */
export type NewBlob = PutBlob | { readonly id: string };

/** A blob that has no row any more. */
export type GoneBlob = { readonly id: string; readonly place: BlobPlace };

/** What a row says of a blob: its octets, or that they are elsewhere. */
export type BlobContent =
  | { readonly place: "database"; readonly octets: Uint8Array }
  | { readonly place: Exclude<BlobPlace, "database">; readonly sizeBytes: number };

const PIECES = { table: "blob_pieces" } as const;
/** Rows that name files are written by those who share it. A sweep holds it alone, so that none appears meanwhile. */
const FILES = "files of blobs";

/**
 * Writes the row of a blob that has none, in the transaction that refers to it. `key` is the key pair that its octets are
 * encrypted to, where that is known. @returns how long the blob is, in octets.
 * @throws AppError (temporary) when its octets were swept meanwhile: no row may name what is not there.
 */
export async function insertBlob(
  tx: Store,
  account: AccountId,
  blob: NewBlob,
  key = "",
): Promise<number> {
  if (!("place" in blob)) return sizeOfBlob(tx, account, blob.id);
  const { id, sizeBytes: size, place } = blob;
  if (blob.place === "database") {
    const { inRow, pieces } = rowPart(blob.octets);
    await insertRow(tx, { id, account, key, size, place, pieces, bytes: inRow }).execute();
    await insertPieces(tx, { ...PIECES, owner: id, name: pieces }, blob.octets);
    return size;
  }
  await holdName(tx, FILES, "shared");
  if (!(await blob.isThere())) {
    throw new AppError("the body of a message was swept before its row was written", {
      temporary: true,
    });
  }
  const bytes = new Uint8Array();
  await insertRow(tx, { id, account, key, size, place, pieces: "", bytes }).execute();
  return size;
}

const insertRow = compiled((db, row: Selectable<Schema["blobs"]>) =>
  db
    .insertInto("blobs")
    .values(picked(row, ["id", "account", "key", "size", "place", "pieces", "bytes"])),
);

/** How long a blob is, in octets. @throws AppError (temporary) when this account has no such blob: whoever referred to it is gone. */
export async function sizeOfBlob(tx: Store, account: AccountId, id: string): Promise<number> {
  const row = await selectSize(tx, { id, account }).executeTakeFirst();
  if (row === undefined) {
    throw new AppError("the body of a message was deleted meanwhile", { temporary: true });
  }
  return row.size;
}

const selectSize = compiled(
  (db, { id, account }: { readonly id: string; readonly account: string }) =>
    db.selectFrom("blobs").select("size").where("id", "=", id).where("account", "=", account),
);

/**
 * The octets of a blob, or where else they are; undefined when it was deleted.
 * @throws AppError when the database no longer has all octets of a row.
 */
export async function readBlob(store: Store, id: string): Promise<BlobContent | undefined> {
  const row = async () => selectOne(store, { id }).executeTakeFirst();
  return untilWhole(
    row,
    async ({ size, place, pieces, bytes }): Promise<BlobContent | undefined> => {
      if (place === "folder") return { place, sizeBytes: size };
      const octets =
        pieces === "" ? bytes : await readPieces(store, { ...PIECES, owner: id, name: pieces });
      return octets?.length === size ? { place: "database", octets } : undefined;
    },
  );
}

const selectOne = compiled((db, { id }: { readonly id: string }) =>
  db.selectFrom("blobs").select(["size", "place", "pieces", "bytes"]).where("id", "=", id),
);

/**
 * Deletes those of the blobs that no message and no draft refers to any more, in the transaction that deleted a reference.
 * @returns those whose octets are elsewhere, to be deleted there once the transaction is committed.
 */
export async function deleteUnusedBlobs(
  tx: Store,
  ids: readonly string[],
): Promise<readonly GoneBlob[]> {
  const gone = await tx.db
    .deleteFrom("blobs")
    .where("id", "in", ids)
    .where((row) =>
      row.not(
        row.exists(
          row.selectFrom("mailbox_messages").select("id").whereRef("blob", "=", "blobs.id"),
        ),
      ),
    )
    .where((row) =>
      row.not(row.exists(row.selectFrom("spool").select("id").whereRef("blob", "=", "blobs.id"))),
    )
    .where((row) =>
      row.not(
        row.exists(
          row.selectFrom("draft_attachments").select("blob").whereRef("blob", "=", "blobs.id"),
        ),
      ),
    )
    .returning(["id", "place"])
    .execute();
  return elsewhere(gone);
}

/** Deletes all blobs of an account, whose messages are deleted already. @returns as `deleteUnusedBlobs`. */
export async function deleteBlobsOf(tx: Store, account: AccountId): Promise<readonly GoneBlob[]> {
  const gone = await tx.db
    .deleteFrom("blobs")
    .where("account", "=", account)
    .returning(["id", "place"])
    .execute();
  return elsewhere(gone);
}

function elsewhere(gone: readonly { id: string; place: string }[]): readonly GoneBlob[] {
  return gone.flatMap(({ id, place }) => (place === "folder" ? [{ id, place }] : []));
}

/** Blobs whose octets are not in the database, by their names: a page of those behind `after`. */
export async function selectBlobsElsewhere(
  store: Store,
  o: { readonly after: string; readonly limit: number },
): Promise<readonly { readonly id: string; readonly sizeBytes: number }[]> {
  const rows = await store.db
    .selectFrom("blobs")
    .select(["id", "size"])
    .where("place", "<>", sql.lit("database"))
    .where("id", ">", o.after)
    .orderBy("id")
    .limit(o.limit)
    .execute();
  return rows.map(({ id, size }) => ({ id, sizeBytes: size }));
}

/** Of these names those that no row has, in their order. */
export async function namesWithoutRow(
  store: Store,
  names: readonly string[],
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const rows = await store.db.selectFrom("blobs").select("id").where("id", "in", names).execute();
  const named = new Set(rows.map(({ id }) => id));
  return names.filter((name) => !named.has(name));
}

/** Keeps rows that name files from being written, until the caller's transaction ends. */
export async function holdBlobFiles(tx: Store): Promise<void> {
  await holdName(tx, FILES, "alone");
}
