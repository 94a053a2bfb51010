/** What the copy in the sender's own mailbox says once their message has left, or will not leave. */
import { sameAddress, type EmailAddress } from "../../mail/address.ts";
import { plainMessageId } from "../../mail/message-id.ts";
import type { MailboxOwner } from "../../mailbox/mailbox-of.ts";
import type { SentHow, SentNews } from "../../mailbox/summary.ts";
import type { DeferredEntry } from "../../store/mail/deferred.ts";
import type { Store } from "../../store/store.ts";
import type { Found } from "../plan.ts";
import { recipientsOf } from "../sent-copy.ts";
import type { Order } from "./order.ts";

/** Prepares what the sender's own copy says from now on: a function that writes it, in the transaction of the ending. */
export type TellSender = (
  owner: MailboxOwner,
  once: string,
  news: SentNews,
) => Promise<(tx: Store) => Promise<void>>;

/** Prepares the news of a message that waits no longer; undefined where its sender has no copy of it. */
export async function newsFor(
  tellSender: TellSender,
  {
    row,
    order,
  }: { readonly row: Pick<DeferredEntry, "sender" | "messageId">; readonly order: Order },
  left: { readonly how: SentHow; readonly found: readonly Found[] },
): Promise<((tx: Store) => Promise<void>) | undefined> {
  const { once, envelope, groups } = order;
  if (once === undefined) return undefined;
  const blind = groups.flatMap(({ blindReader }) => blindReader ?? []);
  const isBlind = (address: EmailAddress) => blind.some((one) => sameAddress(one, address));
  const sent = recipientsOf({ envelope, isBlind, ...left });
  const owner = { id: order.account, address: row.sender };
  const messageId = plainMessageId(row.messageId);
  return tellSender(owner, once, { messageId, how: left.how, sent });
}
