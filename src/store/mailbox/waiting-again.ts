/** A message of the mailbox that is to be opened once more: it goes back to those that wait. Its octets stay in the database. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { countNewMessage } from "../mail/mailbox-use.ts";
import { verdictText, type MessageVerdict } from "../mail/verdict.ts";
import type { Store } from "../store.ts";
import { deleteMessages } from "./message-changes.ts";
import { selectById } from "./messages.ts";

/** The sealed messages of an account whose state is one of these; at most `limit`. */
export async function selectInStates(
  store: Store,
  account: AccountId,
  o: { readonly states: readonly string[]; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    .where("form", "=", sql.lit("sealed"))
    .where("state", "in", o.states)
    .where("expunge_at", "=", sql.lit(0))
    .limit(o.limit)
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
    await tx.db
      .insertInto("messages")
      .columns([
        "id",
        "account",
        "state",
        "form",
        "body",
        "pieces",
        "summary",
        "outer_from",
        "message_id",
        "envelope_id",
        "content_hash",
        "size_bytes",
        "stored_bytes",
        "received_at",
        "result_state",
        "verdict",
      ])
      .expression(
        tx.db
          .selectFrom("blobs")
          .select([
            sql.val(id).as("id"),
            "account",
            sql.val("pending").as("state"),
            sql.val(row.form).as("form"),
            "bytes",
            "pieces",
            sql.val(new Uint8Array()).as("summary"),
            sql.val("").as("outer_from"),
            sql.val("").as("message_id"),
            sql.val(`again ${id}`).as("envelope_id"),
            sql.val(new Uint8Array()).as("content_hash"),
            sql.val(row.sizeBytes).as("size_bytes"),
            "size",
            sql.val(row.receivedAt.getTime()).as("received_at"),
            sql.val(verdict.state).as("result_state"),
            sql.val(verdictText(verdict)).as("verdict"),
          ])
          .where("id", "=", row.blob)
          .where("account", "=", account),
      )
      .execute();
    await tx.db
      .insertInto("message_pieces")
      .columns(["owner", "name", "number", "bytes"])
      .expression(
        tx.db
          .selectFrom("blob_pieces")
          .select([sql.val(id).as("owner"), "name", "number", "bytes"])
          .where("owner", "=", row.blob),
      )
      .execute();
    const [stored] = await tx.db
      .selectFrom("messages")
      .select("stored_bytes")
      .where("id", "=", id)
      .execute();
    const storedBytes = stored?.stored_bytes ?? 0;
    await countNewMessage(tx, account, { isPending: true, storedBytes });
    await deleteMessages(tx, account, [id]);
    return true;
  });
}
