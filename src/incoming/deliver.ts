/**
 * What arrives for a user: the flow from the MX or LMTP listener to the mailbox.
 *
 * The user and his quota are looked at before DATA. Sealed mail is committed as received and answered 250; it is opened
 * afterwards (`pending.ts`), so that locked and usable keys share one path and neither the reply nor its time tells what
 * was inside. Clear mail passes inline and is encrypted at rest. Nothing found inside ever causes a refusal, a bounce
 * or a connection to the outside.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../base/time.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { stripResultHeaders } from "../mail/auth-results.ts";
import type { Envelope } from "../mail/envelope.ts";
import { makeField, parseHeader, serializeHeader, type Header } from "../mail/header.ts";
import { readMessageFacts } from "../mail/message.ts";
import { storeMessages } from "../mailbox/embedded.ts";
import type { MessageId, MessageVerdict, NewMessage } from "../mailbox/mailbox.ts";
import { detectProtection } from "../pgpmime/detect.ts";
import { reply, type Reply } from "../smtp/reply.ts";
import type { Account } from "../store/accounts.ts";
import type { Store } from "../store/store.ts";
import type { AuthorDeps } from "./check-signature.ts";
import { judge } from "./judge.ts";
import { summaryOf } from "./summary.ts";
import type { TraceIncoming } from "./tracing.ts";
import { clientOnly, locked, unprotected } from "./verdicts.ts";

export type DeliverDeps = AuthorDeps & {
  readonly store: Store;
  readonly clock: Clock;
  readonly hostname: string;
  readonly isOurs: (domain: Domain) => boolean;
  /** The account an address belongs to, also through a subaddress. */
  readonly findAccount: (address: EmailAddress) => Promise<Account | undefined>;
  readonly hasRoom: (account: Account, sizeBytes: number) => Promise<boolean>;
  /** Encrypts to the key that protects an account's mailbox at rest. */
  readonly wrapFor: (account: Account, data: Uint8Array) => Promise<Uint8Array>;
  /**
   * Told after the commit: sealed mail waits for this account. Looking for its author's certificate begins now, whatever
   * opening will yield.
   */
  readonly arrived: (account: Account, message: ArrivedMessage) => void;
  readonly trace: TraceIncoming;
};

/** The answer to RCPT TO. */
export async function answerReader(
  deps: Pick<DeliverDeps, "isOurs" | "findAccount" | "hasRoom">,
  recipient: EmailAddress,
  sizeBytes: number,
): Promise<Reply | "ok"> {
  if (!deps.isOurs(recipient.domain)) return reply("550", "5.7.1", "relaying is not possible here");
  const account = await deps.findAccount(recipient);
  if (account === undefined) return reply("550", "5.1.1", "no such user here");
  return (await deps.hasRoom(account, sizeBytes))
    ? "ok"
    : reply("452", "4.2.2", "the mailbox is full; retry later");
}

/** Sealed mail that was just committed. `author`: who the outer From says, if it is one person. */
export type ArrivedMessage = {
  readonly id: MessageId;
  readonly author: EmailAddress | undefined;
  readonly verdict: MessageVerdict;
};

export type Arrival = {
  readonly envelope: Envelope;
  readonly message: Uint8Array;
  /** What the listener knows of its client, for the Received field. */
  readonly received: { readonly protocol: string; readonly client: string };
};

/**
 * Delivers to every recipient in one commit and gives one reply for each, in order.
 * @throws AppError (temporary) when the database or an infrastructure it needs does not answer; nothing is stored then.
 */
export async function deliver(deps: DeliverDeps, arrival: Arrival): Promise<readonly Reply[]> {
  const accounts = await Promise.all(
    arrival.envelope.recipients.map((recipient) => deps.findAccount(recipient)),
  );
  const { header, bodyOffset } = parseHeader(arrival.message);
  const cleaned = stripResultHeaders(header, [deps.hostname]);
  const body = arrival.message.subarray(bodyOffset);
  const readers = distinctAccounts(accounts);
  const messages = await Promise.all(
    readers.map(async (account) => newMessage(deps, arrival, account, cleaned, body)),
  );
  const ids = await storeMessages(
    deps.store,
    messages.map(({ stored }) => stored),
  );
  await Promise.all(
    messages.map(({ stored, account }) =>
      deps.trace.delivered({ account: account.address, message: stored }),
    ),
  );
  for (const [index, id] of ids.entries()) {
    const delivery = messages[index];
    if (delivery?.stored.state !== "pending") continue;
    const { account, author, stored } = delivery;
    deps.arrived(account, { id, author, verdict: stored.verdict });
  }
  return accounts.map((account) =>
    account === undefined
      ? reply("550", "5.1.1", "no such user here")
      : reply("250", "2.0.0", "stored"),
  );
}

function distinctAccounts(accounts: readonly (Account | undefined)[]): readonly Account[] {
  const present = accounts.filter((account) => account !== undefined);
  return [...new Map(present.map((account) => [formatAddress(account.address), account])).values()];
}

type Delivery = {
  readonly account: Account;
  readonly author: EmailAddress | undefined;
  readonly stored: NewMessage;
};

async function newMessage(
  deps: DeliverDeps,
  arrival: Arrival,
  account: Account,
  cleaned: Header,
  body: Uint8Array,
): Promise<Delivery> {
  const header = [...traceFields(deps, arrival, account), ...cleaned];
  const message = Buffer.concat([serializeHeader(header), Buffer.from("\r\n"), body]);
  const facts = readMessageFacts(header);
  const protection = detectProtection(message);
  const from = facts.from?.length === 1 ? facts.from[0]?.address : undefined;
  const common = {
    account: account.address,
    receivedAt: deps.clock.now(),
    sizeBytes: arrival.message.length,
    outerFrom: from === undefined ? "" : formatAddress(from),
    messageId: facts.messageId,
    // The sender's server repeats a transaction whose answer it missed: same envelope, same bytes, stored once.
    envelopeId: envelopeId(arrival.envelope),
    contentHash: createHash("sha256").update(arrival.message).digest(),
  };
  if (protection.kind === "sealed") {
    const isForDevice = account.custody === "user-device-only";
    return {
      account,
      author: from,
      stored: {
        ...common,
        form: "as-received-sealed",
        body: message,
        state: isForDevice ? "done" : "pending",
        verdict: isForDevice ? clientOnly(common.receivedAt) : locked(common.receivedAt),
      },
    };
  }
  const verdict = await judgeClear(deps, account, header, protection, common.receivedAt);
  return {
    account,
    author: from,
    stored: {
      ...common,
      form: "wrapped",
      body: await deps.wrapFor(account, message),
      summary: await deps.wrapFor(account, summaryOf(header)),
      state: "done",
      verdict,
    },
  };
}

/** RFC 5321 §4.4: the last hop writes Return-Path, every hop a Received field. */
function traceFields(deps: DeliverDeps, { envelope, received }: Arrival, account: Account): Header {
  const from = envelope.from === undefined ? "<>" : `<${formatAddress(envelope.from)}>`;
  const date = deps.clock.now().toUTCString().replace(/GMT$/, "+0000");
  const to = formatAddress(account.address);
  const utf8 = { utf8: envelope.smtpUtf8 === true };
  return [
    makeField("Return-Path", from, utf8),
    makeField(
      "Received",
      `from ${received.client} by ${deps.hostname} with ${received.protocol} for <${to}>; ${date}`,
      utf8,
    ),
  ];
}

/** A bare signature is judged at once; any other clear message is ordinary mail. */
async function judgeClear(
  deps: DeliverDeps,
  account: Account,
  outer: Header,
  protection: ReturnType<typeof detectProtection>,
  receivedAt: Date,
): Promise<MessageVerdict> {
  if (protection.kind !== "signed") return unprotected(receivedAt);
  const { signatures, protectedHeader, signedBytes } = protection;
  const verdict = await judge(
    deps,
    { addresses: [account.address], fingerprints: [] },
    { isEncrypted: false, outer, protectedHeader, signed: signedBytes, signatures, receivedAt },
  );
  return { ...verdict, scan: "not-possible", checkedAt: receivedAt };
}

function envelopeId(envelope: Envelope): string {
  const { from, recipients } = envelope;
  const all = [from, ...recipients].map((address) =>
    address === undefined ? "<>" : formatAddress(address),
  );
  return createHash("sha256").update(all.join(" ")).digest("hex");
}
