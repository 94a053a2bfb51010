/** What the copy in the sender's own mailbox says once their message has left, or will not leave. */
import { sameAddress, type EmailAddress } from "../../mail/address.ts";
import { plainMessageId } from "../../mail/message-id.ts";
import type { MailboxOwner } from "../../mailbox/mailbox-of.ts";
import { whyInClear } from "../../mailbox/sent-notices.ts";
import type { SentHow, SentNews } from "../../mailbox/summary.ts";
import type { DeferredEntry } from "../../store/mail/deferred.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import { inTurn, type Also } from "../hand-on.ts";
import type { Looked } from "../plan.ts";
import { recipientsOf } from "../sent-copy.ts";
import type { Keeping } from "./deferral.ts";
import type { Order } from "./order.ts";

/** Prepares what the sender's own copy says from now on: a function that writes it, in the transaction of the ending. */
export type TellSender = (
  owner: MailboxOwner,
  once: string,
  news: SentNews,
) => Promise<(tx: Store) => Promise<void>>;

/** What is written about a message that waits no longer. */
export type Telling = {
  readonly tellSender: TellSender;
  /** Prepares to note that a message, by its Message-ID, left encrypted. */
  readonly protectedName: (
    account: AccountId,
    messageId: string,
  ) => Promise<(tx: Store) => Promise<void>>;
  /** Prepares to count a message that leaves in clear, for its sender's digest. */
  readonly countInClear: (
    account: AccountId,
    because: readonly string[],
  ) => Promise<Also | undefined>;
};

/** Prepares what is written, in the transaction of the ending, about a message that waits no longer. */
export async function newsFor(
  { clock, tellSender, protectedName, countInClear }: Pick<Keeping, "clock"> & Telling,
  {
    row,
    order,
  }: { readonly row: Pick<DeferredEntry, "sender" | "messageId">; readonly order: Order },
  left: { readonly how: SentHow; readonly looked: readonly Looked[] },
): Promise<(tx: Store) => Promise<void>> {
  const { account, once, envelope, groups } = order;
  const isSealed = left.how === "sealed" || left.how === "split";
  const blind = groups.flatMap(({ blindReader }) => blindReader ?? []);
  const isBlind = (address: EmailAddress) => blind.some((one) => sameAddress(one, address));
  const sent = recipientsOf({ envelope, isBlind, ...left });
  const note = inTurn(
    isSealed ? await protectedName(account, row.messageId) : undefined,
    await countInClear(account, whyInClear(sent)),
  );
  if (once === undefined) return async (tx) => note?.(tx);
  const owner = { id: account, address: row.sender };
  const messageId = plainMessageId(row.messageId);
  const tell = await tellSender(owner, once, { at: clock.now(), messageId, how: left.how, sent });
  return async (tx) => {
    await note?.(tx);
    await tell(tx);
  };
}
