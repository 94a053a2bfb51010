/** Tags that stand for what names a message: a Message-ID, and the delivery that brought it. They tell nothing by themselves. */
import { plainMessageId } from "../../mail/message-id.ts";
import { makeTags, type TagPurpose } from "../../store/keys/tag-key.ts";
import { selectNamed } from "../../store/mailbox/listing.ts";
import { type MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";

/** The tag that keeps a repetition of a delivery out. */
export function onceTag(account: AccountId, once: string): readonly [TagPurpose, string] {
  return ["delivery", `${account} ${once}`];
}

/** The tag of a Message-ID, so that an answer finds what it answers while the mailbox is closed. */
export function nameTag(account: AccountId, messageId: string): readonly [TagPurpose, string] {
  return ["message", `${account} ${plainMessageId(messageId)}`];
}

/** The messages with one of these Message-IDs. */
export async function rowsNamed(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<readonly MailboxRow[]> {
  const wanted = messageIds.filter((id) => id !== "").map((id) => nameTag(account, id));
  if (wanted.length === 0) return [];
  return selectNamed(store, account, await makeTags(store, wanted));
}

/** Whether one of these messages came sealed. */
export async function hasSealed(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<boolean> {
  return (await rowsNamed(store, account, messageIds)).some(({ form }) => form === "sealed");
}
