/**
 * What arrives for a user: the flow from the MX or LMTP listener to the mailbox.
 *
 * The user and their quota are looked at before DATA. Sealed mail is committed as received, all but its ciphertext encrypted at
 * rest, and answered 250; it is opened afterwards (`pending.ts`), so that locked and usable keys share one path and
 * neither the reply nor its time tells what was inside. Clear mail passes inline and is encrypted at rest. Nothing found
 * inside ever causes a refusal, a bounce or a connection to the outside.
 */
import { type EmailAddress } from "../mail/address.ts";
import { stripResultHeaders } from "../mail/auth-results.ts";
import { isHeaderAcceptable, parseHeader } from "../mail/header.ts";
import { storeMessage } from "../mailbox/embedded.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { errorReply, reply, type Reply } from "../smtp/reply.ts";
import { MOST_CLEAR_OCTETS } from "../openpgp/encrypt.ts";
import type { Arrival, DeliverDeps } from "./arrival.ts";
import { withEncryptedPart } from "./encrypted-part.ts";
import { messageWorkHere } from "./message-work.ts";
import { copyFor, type Incoming } from "./reader-copy.ts";
import { clearProtection, judgeClear } from "./signed.ts";
import type { Account } from "../words/account.ts";

export type { DeliverDeps } from "./arrival.ts";

/** The answer to RCPT TO. */
export async function answerReader(
  deps: Pick<DeliverDeps, "isOurs" | "findAccount" | "hasRoom">,
  recipient: EmailAddress,
  sizeBytes: number,
): Promise<Reply | "ok"> {
  if (!deps.isOurs(recipient)) return reply("550", "5.7.1", "relaying is not possible here");
  const account = await deps.findAccount(recipient);
  if (account === undefined) return reply("550", "5.1.1", "no such user here");
  return (await deps.hasRoom(account, sizeBytes)) ? "ok" : MAILBOX_FULL;
}

const MAILBOX_FULL = reply("452", "4.2.2", "the mailbox is full; retry later");

/**
 * Delivers to one recipient after the other and gives one reply for each, in order. Trouble with one mailbox is that
 * recipient's alone; what is stored is durable, and a repetition of the transaction stores it no second time. A header
 * that nobody could read in time is refused for all, whatever the message is.
 */
export async function deliver(deps: DeliverDeps, arrival: Arrival): Promise<readonly Reply[]> {
  const parsed = parseHeader(arrival.message);
  if (!isHeaderAcceptable(parsed)) return arrival.envelope.recipients.map(() => LARGE_HEADER);
  const { header, bodyOffset } = parsed;
  const {
    found,
    holds,
    hash: contentHash,
  } = await (deps.messageWork ?? messageWorkHere).examine(arrival.message);
  const protection = clearProtection(arrival.message, found);
  const whole = { start: bodyOffset, end: arrival.message.length };
  const kept = found.kind === "signed" ? found.kept : whole;
  const cleaned = stripResultHeaders(header, [deps.hostname]);
  const now = deps.clock.now();
  let verdict: Promise<MessageVerdict> | undefined;
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
  };
  const answers = new Map<string, Reply>();
  const replies: Reply[] = [];
  // One at a time: each mailbox has a copy of its own, and a large message may have many readers.
  for (const recipient of arrival.envelope.recipients) {
    replies.push(await answerFor(deps, incoming, recipient, answers));
  }
  return replies;
}

/** RFC 3463 §3.4: X.3.4, too big; of the header, which the size of the message does not tell. */
const LARGE_HEADER = reply("552", "5.3.4", "the header of the message is too large");

/** `answers` are those of the accounts that have the message already. */
async function answerFor(
  deps: DeliverDeps,
  incoming: Incoming,
  recipient: EmailAddress,
  answers: Map<string, Reply>,
): Promise<Reply> {
  try {
    const account = await deps.findAccount(recipient);
    if (account === undefined) return reply("550", "5.1.1", "no such user here");
    const key = account.id;
    const answer = answers.get(key) ?? (await store(deps, incoming, account));
    answers.set(key, answer);
    return answer;
  } catch (error) {
    deps.failed(error);
    return errorReply(error);
  }
}

/** Room for the fields that are put before a message when it is stored. */
const TRACE_OCTETS = 64 * 1024;
const MOST_KEPT_OCTETS = MOST_CLEAR_OCTETS - TRACE_OCTETS;

/** The listener takes more than that, because sealed mail grows by its armor, and is stored without being sealed again. */
const TOO_LARGE_TO_KEEP = reply(
  "552",
  "5.3.4",
  `a message that is not sealed may have ${String(MOST_KEPT_OCTETS)} bytes`,
);

async function store(deps: DeliverDeps, incoming: Incoming, account: Account): Promise<Reply> {
  const { found, message } = incoming;
  if (found.kind !== "sealed" && message.length > MOST_KEPT_OCTETS) return TOO_LARGE_TO_KEEP;
  // The size that MAIL announced is a promise, and other mail may have come since.
  if (!(await deps.hasRoom(account, incoming.message.length))) return MAILBOX_FULL;
  const { author, stored } = await copyFor(deps, incoming, account);
  const id = await deps.store.transaction(async (tx) => {
    const kept = await storeMessage(tx, stored);
    await deps.trace.delivered({ store: tx, reader: account.address, message: stored });
    return kept;
  });
  if (stored.state === "pending") {
    deps.arrived(account, { id, author, receivedAt: stored.receivedAt });
  }
  return reply("250", "2.0.0", "stored");
}
