import type { Clock } from "../base/time.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import type { SentHow, SentTo } from "../mailbox/summary.ts";

/**
 * What a message that its sender submits once more, as another one leaves, says in their mailbox. The copy of the first stays; who
 * gets the second in clear got the message in clear, whatever the first was. Where the copy is closed to the keys nothing is known of
 * the first, and nothing is changed.
 */
export async function noteSentAgain(
  { clock }: { readonly clock: Clock },
  mailbox: Mailbox,
  once: string,
  again: { readonly how: SentHow; readonly to: readonly SentTo[] },
): Promise<void> {
  const clear = new Map(
    again.to.filter(({ got }) => got === "clear").map((one) => [one.address, one]),
  );
  if (clear.size === 0) return;
  const id = await mailbox.stored(once);
  const summary = id === undefined ? undefined : (await mailbox.entry(id))?.summary;
  if (summary?.sent === undefined) return;
  const sent = summary.sent.map((one) => clear.get(one.address) ?? one);
  const news = { at: clock.now(), messageId: summary.messageId, how: again.how, sent };
  await mailbox.noteNews(once, await mailbox.prepareNews(news));
}
