/** Which blobs are attached to a draft, apart from the blob of its text. A message that is copied shares them. */
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";

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
