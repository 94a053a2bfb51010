/** Tags that stand for what names a message: a Message-ID, and the delivery that brought it. They tell nothing by themselves. */
import { plainMessageId } from "../../mail/message-id.ts";
import { makeTags, type TagPurpose } from "../../store/keys/tag-key.ts";
import { hasProtectedName } from "../../store/mail/protected-names.ts";
import { hasSealedNamed, selectIdsFrom, selectNamed } from "../../store/mailbox/listing.ts";
import { type MailboxRow } from "../../store/mailbox/message-rows.ts";
import { findOnce } from "../../store/mailbox/messages.ts";
import { noteNews } from "../../store/mailbox/news.ts";
import { hasSealedWaiting } from "../../store/spool/spool-rows.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import type { MessageId, PreparedNews } from "../mailbox.ts";

/** The tag that keeps a repetition of a delivery out. */
export function onceTag(account: AccountId, once: string): readonly [TagPurpose, string] {
  return ["delivery", `${account} ${once}`];
}

/** The message that was stored with this `once`. */
export async function idOfOnce(
  store: Store,
  account: AccountId,
  once: string,
): Promise<MessageId | undefined> {
  const [tag = ""] = await makeTags(store, [onceTag(account, once)]);
  return (await findOnce(store, account, tag)) as MessageId | undefined;
}

/** Notes news of it. False: there is none. */
export async function noteNewsOf(
  store: Store,
  account: AccountId,
  once: string,
  news: PreparedNews,
): Promise<boolean> {
  const [tag = ""] = await makeTags(store, [onceTag(account, once)]);
  return noteNews(store, account, tag, news);
}

/** The tag of a Message-ID, so that an answer finds what it answers while the mailbox is closed. */
export function nameTag(account: AccountId, messageId: string): readonly [TagPurpose, string] {
  return ["message", `${account} ${plainMessageId(messageId)}`];
}

/** The messages with one of these Message-IDs; at most a hundred. */
export async function rowsNamed(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<readonly MailboxRow[]> {
  return selectNamed(store, account, await nameTags(store, account, messageIds));
}

/** Maximum number of messages that a beginning of an ID names. */
const MAX_NAMED = 100;

/** The messages with a Message-ID, an ID, or an ID that begins so. */
export async function idsNamed(
  store: Store,
  account: AccountId,
  name: string,
): Promise<readonly MessageId[]> {
  const beginning = { beginning: name, limit: MAX_NAMED };
  const ids = name === "" ? [] : await selectIdsFrom(store, account, beginning);
  const rows = await rowsNamed(store, account, [name]);
  return [...new Set([...rows.map(({ id }) => id), ...ids])].map((id) => id as MessageId);
}

/** Whether one of these messages came sealed or left encrypted, also of those that wait to be opened again. */
export async function hasSealed(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<boolean> {
  const tags = await nameTags(store, account, messageIds);
  const isWaiting = async (): Promise<boolean> =>
    hasSealedWaiting(store, account, tags.map(asMessageId));
  if (await isWaiting()) return true;
  if (await hasSealedNamed(store, account, tags)) return true;
  if (await hasProtectedName(store, account, tags)) return true;
  // It may have gone back to wait in between.
  return isWaiting();
}

/** How a message that is to be opened again is named while it waits: by the tag of its Message-ID. */
export function asMessageId(tag: string): string {
  return `${TAGGED}${tag}`;
}

/** No Message-ID begins so. */
export const TAGGED = "tag:";

async function nameTags(
  store: Store,
  account: AccountId,
  messageIds: readonly string[],
): Promise<readonly string[]> {
  const wanted = messageIds.filter((id) => id !== "").map((id) => nameTag(account, id));
  return wanted.length === 0 ? [] : makeTags(store, wanted);
}
