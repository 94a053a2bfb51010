/** Folders: the user's own, with wrapped names, and what each folder shows. A standard folder is a word and has no row. */
import { sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Store } from "../store.ts";

/** A user's own folder. `key` names the key pair under whose key the name is wrapped. */
export type FolderRow = {
  readonly id: string;
  readonly key: string;
  readonly name: Uint8Array;
  readonly createdAt: Date;
};

/** What a folder shows. */
export type FolderFigures = { readonly messages: number; readonly unseen: number };

/** The user's own folders, the oldest first. */
export async function selectFolders(
  store: Store,
  account: AccountId,
): Promise<readonly FolderRow[]> {
  const rows = await store.db
    .selectFrom("folders")
    .select(["id", "key", "name", "created_at"])
    .where("account", "=", account)
    .orderBy("created_at")
    .execute();
  return rows.map(({ id, key, name, created_at: at }) => ({
    id,
    key,
    name,
    createdAt: fromUnixMs(at),
  }));
}

/** What each folder of an account shows, by its ID; a folder without messages may be missing. */
export async function readFolderFigures(
  store: Store,
  account: AccountId,
): Promise<ReadonlyMap<string, FolderFigures>> {
  const rows = await store.db
    .selectFrom("folder_use")
    .select(["folder", "messages", "unseen"])
    .where("account", "=", account)
    .execute();
  return new Map(rows.map(({ folder, messages, unseen }) => [folder, { messages, unseen }]));
}

/**
 * Keeps an own folder until the caller's transaction ends, before the mailbox is taken: nobody removes it meanwhile. False:
 * the account has no such folder.
 */
export async function holdFolder(tx: Store, account: AccountId, id: string): Promise<boolean> {
  const query = tx.db
    .selectFrom("folders")
    .select("id")
    .where("id", "=", id)
    .where("account", "=", account);
  // A transaction on SQLite holds the only write lock already.
  const row = await (tx.engine === "postgres" ? query.forUpdate() : query).executeTakeFirst();
  return row !== undefined;
}

export async function insertFolder(
  tx: Store,
  account: AccountId,
  { id, key, name, createdAt }: FolderRow,
): Promise<void> {
  const created_at = createdAt.getTime();
  await tx.db.insertInto("folders").values({ id, account, key, name, created_at }).execute();
}

/** Gives a folder another name, or the same name under another key. */
export async function updateFolderName(
  tx: Store,
  account: AccountId,
  { id, key, name }: Pick<FolderRow, "id" | "key" | "name">,
): Promise<void> {
  await tx.db
    .updateTable("folders")
    .set({ key, name })
    .where("id", "=", id)
    .where("account", "=", account)
    .execute();
}

/** Deletes a folder that shows nothing. What was removed from it would be restored into `heir`. */
export async function deleteFolder(
  tx: Store,
  account: AccountId,
  id: string,
  heir: string,
): Promise<void> {
  await tx.db
    .updateTable("mailbox_messages")
    .set({ folder: heir })
    .where("account", "=", account)
    .where("folder", "=", id)
    .where("expunge_at", ">", 0)
    .execute();
  await tx.db
    .deleteFrom("folder_use")
    .where("account", "=", account)
    .where("folder", "=", id)
    .execute();
  await tx.db.deleteFrom("folders").where("id", "=", id).where("account", "=", account).execute();
}

/** Counts what comes into a folder, or with negative numbers leaves it, in the transaction that holds the mailbox. */
export async function countInFolder(
  tx: Store,
  account: AccountId,
  folder: string,
  { messages, unseen }: FolderFigures,
): Promise<void> {
  if (messages === 0 && unseen === 0) return;
  await addFigures(tx, { account, folder, messages, unseen }).execute();
}

const addFigures = compiled(
  (
    db,
    {
      account,
      folder,
      messages,
      unseen,
    }: FolderFigures & { readonly account: string; readonly folder: string },
  ) =>
    db
      .insertInto("folder_use")
      .values({ account, folder, messages, unseen })
      .onConflict((conflict) =>
        conflict.columns(["account", "folder"]).doUpdateSet({
          messages: sql<number>`folder_use.messages + ${messages}`,
          unseen: sql<number>`folder_use.unseen + ${unseen}`,
        }),
      ),
);
