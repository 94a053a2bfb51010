/**
 * One reader's copy of a message that came: the trace fields before it, and its body encrypted for that reader's mailbox.
 * It also has the verdict, as far as that can be known before the reader's key is there.
 */
import { hex } from "../base/bytes.ts";
import { octetsIn } from "../base/large-octets.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { envelopeDigest } from "../mail/envelope.ts";
import { type Header, serializeHeader } from "../mail/header.ts";
import { readMessageFacts } from "../mail/mail.ts";
import { bodyWith, type ToStore } from "../mailbox/embedded/stored-form.ts";
import { standardFolder, type MessageVerdict, type PreparedMail } from "../mailbox/mailbox.ts";
import { summaryOctets, type Summary } from "../mailbox/summary.ts";
import type { Examined } from "../pgpmime/examine.ts";
import type { Range } from "../pgpmime/range.ts";
import { putMessage, type PutMessage } from "../spool/spool.ts";
import { isFinal } from "../store/mail/verdict.ts";
import type { Account } from "../words/account.ts";
import type { Arrival, DeliverDeps } from "./arrival.ts";
import { NO_OUTLINE, type Outline } from "./outline.ts";
import { type ClearProtection, clearVerdictFor, shownHeader } from "./signed.ts";
import { summaryOf } from "./summary.ts";
import { missingMessageId, traceFields } from "./trace-fields.ts";
import type { DeliveredMessage } from "./tracing.ts";
import { clientOnly, locked } from "./verdicts.ts";

/** What is the same for every reader. */
export type Incoming = Arrival & {
  readonly cleaned: Header;
  readonly body: Uint8Array;
  readonly found: Examined["found"];
  readonly protection: ClearProtection;
  /** Of a message that is not sealed; asked once, however many its readers are. */
  readonly clearVerdict: () => Promise<MessageVerdict>;
  readonly contentHash: Uint8Array;
  /** Of a message that is not sealed, as it is shown under a verdict. */
  readonly outline: (verdict: MessageVerdict) => Promise<Outline>;
};

/** What is kept for one reader. `author`: who the outer From says, if it is one person. */
export type ReaderCopy = {
  readonly author: EmailAddress | undefined;
  readonly delivered: DeliveredMessage;
  /** Keeps a repetition of the same delivery out. */
  readonly once: string;
  readonly to:
    | { readonly kind: "waits"; readonly message: PutMessage }
    | { readonly kind: "kept"; readonly mail: PreparedMail };
};

export async function copyFor(
  deps: DeliverDeps,
  incoming: Incoming,
  account: Account,
): Promise<ReaderCopy> {
  const now = deps.clock.now();
  const header = headerFor(deps, incoming, account, now);
  const facts = readMessageFacts(header);
  const author = facts.from?.length === 1 ? facts.from[0]?.address : undefined;
  const part =
    incoming.found.kind === "sealed"
      ? sealedPart({ incoming, account, header, now, at: incoming.found.ciphertext })
      : await clearPart(deps, { incoming, account, header, now });
  const { form, state, verdict, message, summary } = part;
  const { messageId } = facts;
  const sizeBytes = incoming.message.length;
  // The sender's server repeats a transaction whose answer it missed: same envelope, same octets, stored once.
  const envelope = envelopeDigest(incoming.envelope);
  const { contentHash } = incoming;
  const once = onceOf(contentHash, envelope);
  const delivered = { form, state, verdict, sizeBytes, messageId };
  if (state === "done") {
    const content = { kind: "received", ...message } as const;
    const folder = standardFolder("inbox");
    const mail = await deps
      .mailboxOf(deps.store, account)
      .prepare({ folder, content, summary, receivedAt: now, sizeBytes, once });
    return { author, once, delivered, to: { kind: "kept", mail } };
  }
  const waiting = await putMessage(deps, {
    form,
    verdict,
    sizeBytes,
    messageId,
    account: account.id,
    body: await bodyOf(deps, account, message),
    summary: form === "sealed" ? undefined : await deps.wrapFor(account, summaryOctets(summary)),
    receivedAt: now,
    outerFrom: author === undefined ? "" : formatAddress(author),
    envelopeId: envelope,
    contentHash,
  });
  return { author, once, delivered, to: { kind: "waits", message: waiting } };
}

function headerFor(deps: DeliverDeps, incoming: Incoming, account: Account, now: Date): Header {
  const { envelope, received, cleaned, protection, contentHash } = incoming;
  const { hostname } = deps;
  const isSealed = protection.kind === "sealed";
  return [
    ...traceFields({ envelope, received, hostname, reader: account.address, now }),
    ...missingMessageId({ isSealed, header: cleaned, contentHash, hostname }),
    ...cleaned,
  ];
}

/** What one reader's copy is made from. */
type Copy = {
  readonly incoming: Incoming;
  readonly account: Account;
  readonly header: Header;
  readonly now: Date;
};

/** What of a copy follows from the protection of the message. */
type Part = Pick<DeliveredMessage, "form" | "state" | "verdict"> & {
  readonly message: ToStore;
  readonly summary: Summary;
};

function sealedPart(o: Copy & { readonly at: Range }): Part {
  const { incoming, account, header, now, at } = o;
  const pieces = piecesOf(o);
  // What stands before the body is another header now.
  const moved = octetsIn(pieces) - incoming.message.length;
  const ciphertext = { start: at.start + moved, end: at.end + moved };
  const isForDevice = account.custody === "user-device-only";
  const verdict = isForDevice ? clientOnly(now) : locked(now);
  return {
    form: "sealed",
    message: { pieces, ciphertext },
    state: isForDevice ? "done" : "pending",
    verdict,
    summary: summaryOf({ header, verdict, outline: NO_OUTLINE }),
  };
}

async function clearPart(deps: DeliverDeps, o: Copy): Promise<Part> {
  const { incoming, account, header, now } = o;
  const { protection } = incoming;
  const verdict = await clearVerdictFor(
    async (addresses, signedAt) => deps.isReader(account.id, addresses, signedAt),
    protection,
    now,
    await incoming.clearVerdict(),
  );
  const isForDevice = account.custody === "user-device-only";
  return {
    form: "wrapped",
    message: { pieces: piecesOf(o), ciphertext: undefined },
    // Judging it again needs the keys, since it is encrypted at rest.
    state: !isFinal(verdict) && !isForDevice ? "pending" : "done",
    verdict,
    summary: summaryOf({
      header: shownHeader(header, protection, verdict),
      verdict,
      outline: await incoming.outline(verdict),
    }),
  };
}

function piecesOf({ header, incoming }: Copy): readonly Uint8Array[] {
  return [Buffer.concat([serializeHeader(header), Buffer.from("\r\n")]), incoming.body];
}

async function bodyOf(
  deps: DeliverDeps,
  account: Account,
  message: ToStore,
): Promise<readonly Uint8Array[]> {
  return deps.bodyFor === undefined
    ? bodyWith(message, async (data) => deps.wrapFor(account, data))
    : deps.bodyFor(account, message);
}

/** What tells one delivery of a message from another. */
export function onceOf(contentHash: Uint8Array, envelope: string): string {
  return `${hex(contentHash)} ${envelope}`;
}
