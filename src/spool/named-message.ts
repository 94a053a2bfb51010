import { plainMessageId } from "../mail/message-id.ts";
import type { Mailbox, MessageId } from "../mailbox/mailbox.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import type { WaitingSummary } from "./spool.ts";
import { walkWaiting } from "./waiting-list.ts";

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
  const meant = names.filter((one) => one !== "").map((name) => new Meant(name));
  for await (const one of walkWaiting(store, account)) {
    for (const each of meant) each.meet(one);
  }
  const found: NamedMessage[] = [];
  for (const each of meant) found.push(each.with(await mailbox.named(each.name)));
  return (
    found.find(({ kind }) => kind === "several") ??
    found.find(({ kind }) => kind === "one") ?? { kind: "none" }
  );
}

/** What a name means, as far as it is known: of all that waits no more is remembered than that. */
class Meant {
  readonly name: string;
  readonly #plain: string;
  #whole: MessageId | undefined;
  #named: MessageId | undefined;
  #begun: MessageId | undefined;
  #begunCount = 0;

  constructor(name: string) {
    this.name = name;
    this.#plain = plainMessageId(name);
  }

  /** A message that waits. */
  meet({ id, messageId = "" }: WaitingSummary): void {
    if (id === this.name) this.#whole = id;
    if (this.#plain !== "" && plainMessageId(messageId) === this.#plain) this.#named ??= id;
    if (!id.startsWith(this.name)) return;
    this.#begun ??= id;
    this.#begunCount += 1;
  }

  /** What it means together with the messages of the mailbox that it may name. */
  with(kept: readonly MessageId[]): NamedMessage {
    const { name } = this;
    const exact =
      kept.find((id) => id === name || !id.startsWith(name)) ?? this.#whole ?? this.#named;
    if (exact !== undefined) return { kind: "one", id: exact };
    const count = kept.length + this.#begunCount;
    if (count > 1) return { kind: "several", name, count };
    const id = kept[0] ?? this.#begun;
    return id === undefined ? { kind: "none" } : { kind: "one", id };
  }
}
