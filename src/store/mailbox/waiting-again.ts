/** A message of the mailbox that is to be opened once more: it goes back to those that wait. Its octets stay in the database. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { countNewMessage } from "../mail/mailbox-use.ts";
import { verdictText, type MessageVerdict } from "../mail/verdict.ts";
import type { Store } from "../store.ts";
import { deleteMessages } from "./message-changes.ts";
import { selectById, type MailboxRow } from "./messages.ts";

/** Sealed messages that could not be opened, or count as damaged; at most `limit`. */
export async function selectClosed(
  store: Store,
  account: AccountId,
  limit: number,
): Promise<readonly string[]> {
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    // As the index has it.
    .where(sql<boolean>`state in ('DAMAGED', 'UNDECRYPTABLE')`)
    .where("form", "=", sql.lit("sealed"))
    .where("expunge_at", "=", sql.lit(0))
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Moves a message to those that wait, under the same ID. False: it is not there any more. */
export async function letWaitAgain(
  store: Store,
  account: AccountId,
  id: string,
  verdict: MessageVerdict,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const [row] = await selectById(tx, account, [id]);
    if (row === undefined) return false;
    await copyRow(tx, account, row, verdict);
    await copyPieces(tx, row);
    const stored = await tx.db
      .selectFrom("messages")
      .select("stored_bytes")
      .where("id", "=", id)
      .executeTakeFirst();
    const storedBytes = stored?.stored_bytes ?? 0;
    await countNewMessage(tx, account, { isPending: true, storedBytes });
    await deleteMessages(tx, account, [id]);
    return true;
  });
}

async function copyRow(
  tx: Store,
  account: AccountId,
  { id, blob, form, sizeBytes, receivedAt }: MailboxRow,
  verdict: MessageVerdict,
): Promise<void> {
  const copied = tx.db
    .selectFrom("blobs")
    .select([
      sql.val(id).as("id"),
      "account",
      sql.lit("pending").as("state"),
      sql.val(form).as("form"),
      "bytes",
      "pieces",
      sql.val(new Uint8Array()).as("summary"),
      sql.val(`again ${id}`).as("envelope_id"),
      sql.val(new Uint8Array()).as("content_hash"),
      sql.val(sizeBytes).as("size_bytes"),
      "size",
      sql.val(receivedAt.getTime()).as("received_at"),
      sql.val(verdict.state).as("result_state"),
      sql.val(verdictText(verdict)).as("verdict"),
    ])
    .where("id", "=", blob)
    .where("account", "=", account);
  await tx.db.insertInto("messages").columns(COLUMNS).expression(copied).execute();
}

/** In the order of what `copyRow` selects. The others are empty until the message is opened. */
const COLUMNS = [
  "id",
  "account",
  "state",
  "form",
  "body",
  "pieces",
  "summary",
  "envelope_id",
  "content_hash",
  "size_bytes",
  "stored_bytes",
  "received_at",
  "result_state",
  "verdict",
] as const;

async function copyPieces(tx: Store, { id, blob }: MailboxRow): Promise<void> {
  const copied = tx.db
    .selectFrom("blob_pieces")
    .select([sql.val(id).as("owner"), "name", "number", "bytes"])
    .where("owner", "=", blob);
  await tx.db
    .insertInto("message_pieces")
    .columns(["owner", "name", "number", "bytes"])
    .expression(copied)
    .execute();
}
