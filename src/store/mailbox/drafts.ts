/** What changes a draft. Each change is one transaction, and is made to the draft as it was read, or not at all. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import {
  deleteUnusedBlobs,
  insertBlob,
  sizeOfBlob,
  type GoneBlob,
  type PutBlob,
} from "../mail/blobs.ts";
import type { Store } from "../store.ts";
import { deleteAttachment, insertAttachment } from "./draft-attachments.ts";
import { countInMailbox } from "./mailboxes.ts";
import { changeMessages } from "./message-changes.ts";
import { isShown, type MailboxRow } from "./message-rows.ts";
import { changeTerms } from "./search-terms.ts";

/** What of a draft is written anew. `text`: with another text; `attached` and `detached`: with a blob more, or one less. */
export type DraftChange = Pick<MailboxRow, "key" | "summary" | "sizeBytes"> & {
  readonly text?: Pick<MailboxRow, "name" | "receivedAt"> & { readonly blob: PutBlob };
  readonly attached?: PutBlob;
  /** The key pair that new octets are encrypted to; "" where that is not known. */
  readonly under: string;
  readonly detached?: string;
};

/**
 * Changes a draft. Undefined: it is gone, or no longer as it was read. @returns the blobs whose octets must go after the
 * commit. @throws AppError (temporary) when octets that were put were swept meanwhile.
 */
export async function changeDraft(
  store: Store,
  account: AccountId,
  read: Pick<MailboxRow, "id" | "blob" | "summary">,
  change: DraftChange,
): Promise<readonly GoneBlob[] | undefined> {
  const gone: GoneBlob[] = [];
  const isMeant = (row: MailboxRow): boolean =>
    isShown(row) && row.blob === read.blob && Buffer.compare(row.summary, read.summary) === 0;
  const ids = [read.id];
  const changed = await changeMessages(store, account, { ids, isMeant }, async (found) => {
    const { tx, change: number, rows } = found;
    for (const row of rows) gone.push(...(await changeRow(tx, account, { row, number }, change)));
  });
  return changed.length > 0 ? gone : undefined;
}

async function changeRow(
  tx: Store,
  account: AccountId,
  { row, number }: { readonly row: MailboxRow; readonly number: number },
  { text, attached, detached, under, ...change }: DraftChange,
): Promise<readonly GoneBlob[]> {
  const { id } = row;
  const going = [
    ...(text === undefined ? [] : [row.blob]),
    ...(detached === undefined ? [] : [detached]),
  ];
  let bytes = change.summary.length - row.summary.length;
  for (const blob of going) bytes -= await sizeOfBlob(tx, account, blob);
  for (const blob of [text?.blob, attached]) {
    if (blob === undefined) continue;
    await insertBlob(tx, account, blob, under);
    bytes += blob.sizeBytes;
  }
  await tx.db
    .updateTable("mailbox_messages")
    .set({
      change: number,
      key: change.key,
      summary: change.summary,
      size_bytes: change.sizeBytes,
      stored_bytes: sql<number>`stored_bytes + ${sql.lit(bytes)}`,
      is_indexed: 0,
    })
    .$if(text !== undefined, (query) =>
      query.set({
        blob: text?.blob.id ?? "",
        version: "",
        name: text?.name ?? "",
        received_at: text?.receivedAt.getTime() ?? 0,
      }),
    )
    .where("account", "=", account)
    .where("id", "=", id)
    .execute();
  if (attached !== undefined) await insertAttachment(tx, account, id, attached.id);
  if (detached !== undefined) await deleteAttachment(tx, account, id, detached);
  await countInMailbox(tx, account, { messages: 0, bytes });
  await changeTerms(tx, account, { number: row.number, written: number }, undefined);
  return going.length === 0 ? [] : deleteUnusedBlobs(tx, going);
}
