import { plainMessageId } from "../mail/message-id.ts";
import type { Mailbox, MessageId } from "../mailbox/mailbox.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { listWaiting } from "./spool.ts";
import type { WaitingSummary } from "./spool.ts";

/** The message that somebody means, or how many IDs begin with `name`. */
export type NamedMessage =
  | { readonly kind: "one"; readonly id: MessageId }
  | { readonly kind: "none" }
  | { readonly kind: "several"; readonly name: string; readonly count: number };

/**
 * The message of an account that somebody means by one of these names: its ID or the beginning of it, or its Message-ID
 * with or without brackets. The first name that fits one counts; a name that fits several must be made longer.
 */
export async function messageNamed(
  store: Store,
  { mailbox, account }: { readonly mailbox: Mailbox; readonly account: AccountId },
  names: readonly string[],
): Promise<NamedMessage> {
  const waiting = await listWaiting(store, account);
  const found: NamedMessage[] = [];
  for (const name of names.filter((one) => one !== "")) {
    const kept = await mailbox.named(name);
    found.push(oneNamed(waiting, kept, name));
  }
  return (
    found.find(({ kind }) => kind === "several") ??
    found.find(({ kind }) => kind === "one") ?? { kind: "none" }
  );
}

function oneNamed(
  waiting: readonly WaitingSummary[],
  kept: readonly MessageId[],
  name: string,
): NamedMessage {
  const plain = plainMessageId(name);
  const isNamed = ({ messageId = "" }: WaitingSummary): boolean =>
    plain !== "" && plainMessageId(messageId) === plain;
  const exact =
    kept.find((id) => id === name || !id.startsWith(name)) ??
    waiting.find(({ id }) => id === name)?.id ??
    waiting.find((message) => isNamed(message))?.id;
  if (exact !== undefined) return { kind: "one", id: exact };
  const begun = [...kept, ...waiting.map(({ id }) => id).filter((id) => id.startsWith(name))];
  if (begun.length > 1) return { kind: "several", name, count: begun.length };
  return begun[0] === undefined ? { kind: "none" } : { kind: "one", id: begun[0] };
}
