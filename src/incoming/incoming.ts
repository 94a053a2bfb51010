/**
 * Incoming mail: what arrives for a user, from the MX or LMTP listener to the mailbox.
 *
 *     RCPT     is the recipient ours, is there room (`answerReader`)
 *     DATA     strip result headers that only we may write
 *              clear mail    judge a bare signature, encrypt at rest, store
 *              sealed mail   store as received, all but the ciphertext encrypted at rest, answer 250
 *     later    ask the author's keyserver, open, judge, record the verdict (`pending.ts`, `open-message.ts`)
 *
 * A `250` means that the message is durable. Sealed mail is opened only afterwards, so that locked and usable keys share one
 * path. Neither the reply nor its time tells a sender what was inside. Nothing that is found inside a sealed message ever
 * causes a refusal, a bounce or a connection to the outside: an attacker who mangles a copy must learn nothing (EFAIL).
 *
 * The verdict (`judge.ts`) says what is proven about the author. It is never better than the evidence: integrity first, then
 * the signature, then whether the author's domain confirms the key now (rulings in docs/use/states.md).
 */
import { type EmailAddress } from "../mail/address.ts";
import { stripResultHeaders } from "../mail/auth-results.ts";
import { isHeaderAcceptable, parseHeader } from "../mail/header.ts";
import { AccountGone } from "../mailbox/account-gone.ts";
import type { Mailbox, MessageVerdict } from "../mailbox/mailbox.ts";
import { MAX_CLEAR_OCTETS } from "../openpgp/messages/plain.ts";
import { discardMessage, storeMessage } from "../spool/spool.ts";
import type { Store } from "../store/store.ts";
import type { Account, AccountId } from "../words/account.ts";
import type { Arrival, ArrivedMessage, DeliverDeps } from "./arrival.ts";
import type { Delivery, ReaderAnswer } from "./delivery.ts";
import { withEncryptedPart } from "./encrypted-part.ts";
import { withoutImportedField } from "./history.ts";
import { outlineIn } from "./keep-found.ts";
import { messageWorkHere } from "./message-work.ts";
import type { Outline } from "./outline.ts";
import { copyFor, type Incoming, type ReaderCopy } from "./reader-copy.ts";
import { clearProtection, judgeClear } from "./signed.ts";
import { isGood } from "./verdicts.ts";

export type { DeliverDeps } from "./arrival.ts";

/** What a recipient is answered before the message comes; `sizeBytes` is what MAIL announced. */
export async function answerReader(
  deps: Pick<DeliverDeps, "isOurs" | "findAccount" | "hasRoom">,
  recipient: EmailAddress,
  sizeBytes: number,
): Promise<ReaderAnswer> {
  if (!deps.isOurs(recipient)) return { kind: "not-ours" };
  const account = await deps.findAccount(recipient);
  if (account === undefined) return { kind: "unknown" };
  return { kind: (await deps.hasRoom(account, sizeBytes)) ? "accepted" : "full" };
}

/**
 * Delivers to one recipient after the other and says what became of each, in order. Trouble with one mailbox is that
 * recipient's alone; what is stored is durable, and a repetition of the transaction stores it no second time. A header
 * that nobody could read in time is refused for all, whatever the message is.
 */
export async function deliver(deps: DeliverDeps, arrival: Arrival): Promise<readonly Delivery[]> {
  const parsed = parseHeader(arrival.message);
  if (!isHeaderAcceptable(parsed))
    return arrival.envelope.recipients.map(() => ({ kind: "large-header" }));
  const { header, bodyOffset } = parsed;
  const work = deps.messageWork ?? messageWorkHere;
  const { found, holds, hash: contentHash } = await work.examine(arrival.message);
  const protection = clearProtection(arrival.message, found);
  const whole = { start: bodyOffset, end: arrival.message.length };
  const kept = found.kind === "signed" ? found.kept : whole;
  const cleaned = withoutImportedField(stripResultHeaders(header, [deps.hostname]));
  const now = deps.clock.now();
  let verdict: Promise<MessageVerdict> | undefined;
  /** Readers differ in warnings alone, so what is shown is the same where the state is good, and where it is not. */
  const outlines = new Map<boolean, Promise<Outline>>();
  const incoming: Incoming = {
    ...arrival,
    cleaned,
    body: arrival.message.subarray(kept.start, kept.end),
    protection,
    clearVerdict: async () =>
      (verdict ??= judgeClear(deps, { outer: cleaned, protection, receivedAt: now, now }).then(
        (judged) => withEncryptedPart(judged, holds),
      )),
    found,
    contentHash,
    outline: async (judged) => {
      const outline =
        outlines.get(isGood(judged)) ??
        outlineIn(work, { message: arrival.message, clear: judged });
      outlines.set(isGood(judged), outline);
      return outline;
    },
  };
  const known = new Map<AccountId, Delivery>();
  const deliveries: Delivery[] = [];
  // One at a time: each mailbox has a copy of its own, and a large message may have many readers.
  for (const recipient of arrival.envelope.recipients) {
    deliveries.push(await deliverTo(deps, incoming, recipient, known));
  }
  return deliveries;
}

/** `known`: what became of it for the accounts that have had their turn. */
async function deliverTo(
  deps: DeliverDeps,
  incoming: Incoming,
  recipient: EmailAddress,
  known: Map<AccountId, Delivery>,
): Promise<Delivery> {
  try {
    const account = await deps.findAccount(recipient);
    if (account === undefined) return { kind: "unknown" };
    const delivery = known.get(account.id) ?? (await store(deps, incoming, account));
    known.set(account.id, delivery);
    return delivery;
  } catch (error) {
    deps.failed(error);
    return { kind: "trouble", error };
  }
}

/** Room for the fields that are put before a message when it is stored. */
const TRACE_OCTETS = 64 * 1024;
const MAX_KEPT_OCTETS = MAX_CLEAR_OCTETS - TRACE_OCTETS;

async function store(deps: DeliverDeps, incoming: Incoming, account: Account): Promise<Delivery> {
  const { found, message } = incoming;
  // The listener takes more than that: sealed mail grows by its armor, and is stored without being sealed again.
  if (found.kind !== "sealed" && message.length > MAX_KEPT_OCTETS) {
    return { kind: "too-large", maxBytes: MAX_KEPT_OCTETS };
  }
  // The size that MAIL announced is a promise, and other mail may have come since.
  if (!(await deps.hasRoom(account, incoming.message.length))) return { kind: "full" };
  const copy = await copyFor(deps, incoming, account);
  const waits = await deps.store.transaction(async (tx) => {
    const kept = await keep(deps.mailboxOf(tx, account), tx, copy);
    await deps.trace.delivered({ store: tx, reader: account.address, message: copy.delivered });
    return kept;
  });
  if (copy.to.kind === "waits" && waits?.isNew !== true)
    await discardMessage(deps, copy.to.message);
  if (waits !== undefined) deps.arrived(account, waits.message);
  else if (copy.to.kind === "kept") deps.kept?.(account);
  return { kind: "stored" };
}

/** Keeps a copy where it belongs, once. @returns it when it waits. @throws AccountGone */
async function keep(
  mailbox: Mailbox,
  tx: Store,
  { author, once, to }: ReaderCopy,
): Promise<{ readonly message: ArrivedMessage; readonly isNew: boolean } | undefined> {
  if (to.kind === "waits") {
    // What waited when it came for the first time may be in the mailbox by now.
    if ((await mailbox.stored(once)) !== undefined) return undefined;
    const { id, isNew } = await storeMessage(tx, to.message);
    return { message: { id, author, receivedAt: to.message.receivedAt }, isNew };
  }
  const { kind } = await mailbox.append(to.mail);
  if (kind === "account-gone" || kind === "no-folder") throw new AccountGone();
  return undefined;
}
