/**
 * Bodies of a mailbox that come under its present key pair. A blob never changes, so that another one takes its place. The
 * column `key` says of which blobs it is known that they are under a key pair; of all others somebody has to look.
 */
import { type ExpressionBuilder, sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import type { Schema } from "../engine/schema.ts";
import {
  deleteUnusedBlobs,
  insertBlob,
  sizeOfBlob,
  type GoneBlob,
  type PutBlob,
} from "../mail/blobs.ts";
import type { Store } from "../store.ts";
import { replaceAttachment, selectAttachedTo } from "./draft-attachments.ts";
import { selectOfBlob } from "./listing.ts";
import { countInMailbox, holdMailbox } from "./mailboxes.ts";
import type { MailboxRow } from "./message-rows.ts";

/** How many blobs of an account are not known to be under this key pair. */
export async function countOtherBodies(
  store: Store,
  account: AccountId,
  key: string,
): Promise<number> {
  const row = await store.db
    .selectFrom("blobs")
    .select((select) => select.fn.countAll<number>().as("count"))
    .where("account", "=", account)
    .where("key", "<>", key)
    .where(isInMailbox(account))
    .executeTakeFirstOrThrow();
  return row.count;
}

/** These blobs, in the order of their IDs: some of those behind `after`. */
export async function selectOtherBodies(
  store: Store,
  account: AccountId,
  o: { readonly key: string; readonly after: string; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await store.db
    .selectFrom("blobs")
    .select("id")
    .where("account", "=", account)
    .where("key", "<>", o.key)
    .where("id", ">", o.after)
    .where(isInMailbox(account))
    .orderBy("id")
    .limit(o.limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Bodies of messages, and what is attached to drafts. Bodies of mail that waits are taken along when it is opened. */
const isInMailbox = (account: AccountId) => (row: ExpressionBuilder<Schema, "blobs">) =>
  row.or([
    row.exists(row.selectFrom("mailbox_messages").select("id").whereRef("blob", "=", "blobs.id")),
    row(
      "id",
      "in",
      row.selectFrom("draft_attachments").select("blob").where("account", "=", account),
    ),
  ]);

/** Notes that a blob is under a key pair. */
export async function markBody(store: Store, blob: string, key: string): Promise<void> {
  await store.db.updateTable("blobs").set({ key }).where("id", "=", blob).execute();
}

/** A blob that takes the place of another, under the key pair `key`. */
export type OtherBody = {
  readonly blob: string;
  readonly by: PutBlob;
  readonly key: string;
  /** Whether it is the body of these messages, or attached to them. */
  readonly is: "body" | "attachment";
  /**
   * All messages that refer to it, as they were read, and their summaries for the new blob. `version`: of a draft, the one
   * that it keeps.
   */
  readonly rows: readonly {
    readonly row: Pick<MailboxRow, "id" | "summary">;
    readonly summary: Uint8Array;
    readonly version: string;
  }[];
};

/** The messages that a blob belongs to. */
export async function selectHolders(
  store: Store,
  account: AccountId,
  blob: string,
): Promise<Pick<OtherBody, "is"> & { readonly rows: readonly MailboxRow[] }> {
  const rows = await selectOfBlob(store, account, blob);
  if (rows.length > 0) return { is: "body", rows };
  return { is: "attachment", rows: await selectAttachedTo(store, account, blob) };
}

/**
 * Puts a blob in the place of another. Readers see no change. Undefined, and nothing is written, when one of the messages is
 * no longer as it was read. @returns as `deleteUnusedBlobs`.
 */
export async function replaceBody(
  store: Store,
  account: AccountId,
  { blob, by, key, is, rows }: OtherBody,
): Promise<readonly GoneBlob[] | undefined> {
  return store.transaction(async (tx) => {
    await holdAccount(tx, account);
    await holdMailbox(tx, account);
    const holders = await selectHolders(tx, account, blob);
    if (holders.is !== is || !isAsRead(holders.rows, rows)) return undefined;
    const growth = by.sizeBytes - (await sizeOfBlob(tx, account, blob));
    await insertBlob(tx, account, by, key);
    let bytes = 0;
    for (const { row, summary, version } of rows) {
      const grown = growth + summary.length - row.summary.length;
      await tx.db
        .updateTable("mailbox_messages")
        .set({ key, summary, stored_bytes: sql<number>`stored_bytes + ${grown}` })
        .$if(is === "body", (query) => query.set({ blob: by.id, version }))
        .where("account", "=", account)
        .where("id", "=", row.id)
        .execute();
      bytes += grown;
    }
    if (is === "attachment") await replaceAttachment(tx, account, blob, by.id);
    await countInMailbox(tx, account, { messages: 0, bytes });
    return deleteUnusedBlobs(tx, [blob]);
  });
}

function isAsRead(found: readonly MailboxRow[], read: OtherBody["rows"]): boolean {
  const summaries = new Map(read.map(({ row }) => [row.id, row.summary]));
  const isSame = ({ id, summary }: MailboxRow): boolean => {
    const before = summaries.get(id);
    return before !== undefined && Buffer.compare(before, summary) === 0;
  };
  return found.length === read.length && found.length > 0 && found.every(isSame);
}
