/** How a message comes into a mailbox. What changes it is in `message-changes.ts`, pages of messages are in `listing.ts`. */
import { type Selectable, sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { holdAccount } from "../accounts/account-locks.ts";
import { compiled, picked } from "../engine/compiled.ts";
import type { Schema } from "../engine/schema.ts";
import { insertBlob, type NewBlob } from "../mail/blobs.ts";
import type { Store } from "../store.ts";
import { insertAttachment, selectAttachments } from "./draft-attachments.ts";
import { countInFolder } from "./folders.ts";
import { beginChange, countInMailbox } from "./mailboxes.ts";
import { COLUMNS, unseenIn, type MailboxRow } from "./message-rows.ts";

/**
 * A message before it is stored. `once` is a tag that keeps a repetition out, `name` one of its Message-ID; "" for none. A blob without a
 * place has its row already.
 */
export type NewMailboxRow = Pick<
  MailboxRow,
  "id" | "folder" | "flags" | "form" | "state" | "key" | "summary" | "sizeBytes" | "receivedAt"
> & {
  readonly once: string;
  readonly name: string;
  readonly blob: NewBlob;
  /** It left encrypted; what is stored sealed came so. */
  readonly isProtected?: boolean | undefined;
  /** Its sender is told that it left in clear. */
  readonly hasNotice?: boolean;
  readonly news?: Uint8Array;
  /** The draft whose attachments it has too. */
  readonly copyOf?: string;
};

/**
 * Stores a message, or finds the one that was stored with the same `once`. Undefined: the account was closed or erased.
 */
export async function insertMailboxMessage(
  store: Store,
  account: AccountId,
  message: NewMailboxRow,
): Promise<{ readonly id: string; readonly isNew: boolean } | undefined> {
  return store.transaction(async (tx) => {
    if ((await holdAccount(tx, account)) !== "open") return undefined;
    const change = await beginChange(tx, account);
    const before = await findOnce(tx, account, message.once);
    if (before !== undefined) return { id: before, isNew: false };
    const { id, folder, flags, form, state, key, summary, once, blob } = message;
    const size = await insertBlob(tx, account, blob);
    const { copyOf, news = new Uint8Array() } = message;
    const attached = copyOf === undefined ? [] : await selectAttachments(tx, account, copyOf);
    const bytes = attached.reduce(
      (sum, one) => sum + one.sizeBytes,
      size + summary.length + news.length,
    );
    const number = await countInMailbox(tx, account, { messages: 1, bytes });
    await insertRow(tx, {
      id,
      account,
      folder,
      number,
      change,
      flags,
      form,
      state,
      blob: blob.id,
      version: "",
      key,
      summary,
      once,
      name: message.name,
      size_bytes: message.sizeBytes,
      stored_bytes: bytes,
      received_at: message.receivedAt.getTime(),
      expunge_at: 0,
      news,
      has_news: news.length === 0 ? 0 : 1,
      is_protected: form === "sealed" || message.isProtected === true ? 1 : 0,
      has_notice: message.hasNotice === true ? 1 : 0,
    }).execute();
    for (const one of attached) await insertAttachment(tx, account, id, one.blob);
    await countInFolder(tx, account, folder, { messages: 1, unseen: unseenIn(flags) });
    return { id, isNew: true };
  });
}

/** What is written of a row. */
const INSERTED = [...COLUMNS, "account", "once", "stored_bytes", "has_news", "has_notice"] as const;

type InsertedRow = Pick<Selectable<Schema["mailbox_messages"]>, (typeof INSERTED)[number]>;

const insertRow = compiled((db, row: InsertedRow) =>
  db.insertInto("mailbox_messages").values(picked(row, INSERTED)),
);

/** The message that was stored with a tag, if there is one. */
export async function findOnce(
  tx: Store,
  account: AccountId,
  once: string,
): Promise<string | undefined> {
  if (once === "") return undefined;
  return (await selectOnce(tx, { account, once }).executeTakeFirst())?.id;
}

const selectOnce = compiled(
  (db, { account, once }: { readonly account: string; readonly once: string }) =>
    db
      .selectFrom("mailbox_messages")
      .select("id")
      .where("account", "=", account)
      .where("once", "=", once)
      .where("once", "<>", sql.lit("")),
);
