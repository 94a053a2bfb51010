/** Which blobs are attached to a draft, apart from the blob of its text. A message that is copied shares them. */
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { selectById } from "./listing.ts";
import type { MailboxRow } from "./message-rows.ts";

/** A blob that is attached to a draft. */
export type AttachedBlob = { readonly blob: string; readonly sizeBytes: number };

/** What is attached to a message; nothing where it is no draft. */
export async function selectAttachments(
  store: Store,
  account: AccountId,
  message: string,
): Promise<readonly AttachedBlob[]> {
  const rows = await store.db
    .selectFrom("draft_attachments")
    .innerJoin("blobs", "blobs.id", "draft_attachments.blob")
    .select(["blobs.id", "blobs.size"])
    .where("draft_attachments.account", "=", account)
    .where("draft_attachments.message", "=", message)
    .execute();
  return rows.map(({ id, size }) => ({ blob: id, sizeBytes: size }));
}

/** All drafts of an account that a blob is attached to, removed ones too. */
export async function selectAttachedTo(
  store: Store,
  account: AccountId,
  blob: string,
): Promise<readonly MailboxRow[]> {
  const rows = await store.db
    .selectFrom("draft_attachments")
    .select("message")
    .where("account", "=", account)
    .where("blob", "=", blob)
    .execute();
  const ids = rows.map(({ message }) => message);
  return (await selectById(store, account, ids)).toSorted((a, b) => a.number - b.number);
}

/** Puts a blob that has its row in the place of another, in the transaction that holds the mailbox. */
export async function replaceAttachment(
  tx: Store,
  account: AccountId,
  blob: string,
  by: string,
): Promise<void> {
  await tx.db
    .updateTable("draft_attachments")
    .set({ blob: by })
    .where("account", "=", account)
    .where("blob", "=", blob)
    .execute();
}

/** Attaches a blob that has its row, in the transaction that holds the mailbox. */
export async function insertAttachment(
  tx: Store,
  account: AccountId,
  message: string,
  blob: string,
): Promise<void> {
  await tx.db.insertInto("draft_attachments").values({ account, message, blob }).execute();
}

/** Takes a blob off a draft, in the transaction that holds the mailbox. The blob stays. */
export async function deleteAttachment(
  tx: Store,
  account: AccountId,
  message: string,
  blob: string,
): Promise<void> {
  await tx.db
    .deleteFrom("draft_attachments")
    .where("account", "=", account)
    .where("message", "=", message)
    .where("blob", "=", blob)
    .execute();
}

/** Takes all blobs off messages that are about to be deleted. @returns these blobs, which stay. */
export async function deleteAttachmentsOf(
  tx: Store,
  account: AccountId,
  messages: readonly string[],
): Promise<readonly string[]> {
  const rows = await tx.db
    .deleteFrom("draft_attachments")
    .where("account", "=", account)
    .where("message", "in", messages)
    .returning("blob")
    .execute();
  return rows.map(({ blob }) => blob);
}
