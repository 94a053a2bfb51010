/**
 * One reader's copy of a message that came: the trace fields before it, and its body encrypted for that reader's mailbox.
 * It also has the verdict, as far as that can be known before the reader's key is there.
 */
import { isFinal } from "../store/mail/verdict.ts";
import { createHash } from "node:crypto";
import { octetsIn } from "../base/large-octets.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import { type Header, serializeHeader } from "../mail/header.ts";
import { readMessageFacts } from "../mail/mail.ts";
import type { MessageVerdict, NewMessage } from "../mailbox/mailbox.ts";
import type { Range } from "../pgpmime/range.ts";
import type { Examined } from "../pgpmime/examine.ts";
import type { Arrival, DeliverDeps } from "./arrival.ts";
import { type ClearProtection, clearVerdictFor, shownHeader } from "./signed.ts";
import { bodyWith, type ToStore } from "../mailbox/embedded/stored-form.ts";
import { summaryOf } from "./summary.ts";
import { missingMessageId, traceFields } from "./trace-fields.ts";
import { clientOnly, locked } from "./verdicts.ts";
import type { Account } from "../words/account.ts";

/** What is the same for every reader. */
export type Incoming = Arrival & {
  readonly cleaned: Header;
  readonly body: Uint8Array;
  readonly found: Examined["found"];
  readonly protection: ClearProtection;
  /** Of a message that is not sealed; asked once, however many its readers are. */
  readonly clearVerdict: () => Promise<MessageVerdict>;
  readonly contentHash: Uint8Array;
};

/** What is stored for one reader. `author`: who the outer From says, if it is one person. */
export type ReaderCopy = { readonly author: EmailAddress | undefined; readonly stored: NewMessage };

export async function copyFor(
  deps: DeliverDeps,
  incoming: Incoming,
  account: Account,
): Promise<ReaderCopy> {
  const now = deps.clock.now();
  const header = headerFor(deps, incoming, account, now);
  const facts = readMessageFacts(header);
  const author = facts.from?.length === 1 ? facts.from[0]?.address : undefined;
  const common = {
    account: account.id,
    receivedAt: now,
    sizeBytes: incoming.message.length,
    outerFrom: author === undefined ? "" : formatAddress(author),
    messageId: facts.messageId,
    // The sender's server repeats a transaction whose answer it missed: same envelope, same bytes, stored once.
    envelopeId: envelopeId(incoming.envelope),
    contentHash: incoming.contentHash,
  };
  const part =
    incoming.found.kind === "sealed"
      ? await sealedPart(deps, { incoming, account, header, now, at: incoming.found.ciphertext })
      : await clearPart(deps, { incoming, account, header, now });
  return { author, stored: { ...common, ...part } };
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

/** What of a stored message follows from its protection. */
type Part = Pick<NewMessage, "form" | "body" | "summary" | "state" | "verdict">;

async function sealedPart(deps: DeliverDeps, o: Copy & { readonly at: Range }): Promise<Part> {
  const { incoming, account, now, at } = o;
  const pieces = piecesOf(o);
  // What stands before the body is another header now.
  const moved = octetsIn(pieces) - incoming.message.length;
  const ciphertext = { start: at.start + moved, end: at.end + moved };
  const isForDevice = account.custody === "user-device-only";
  return {
    form: "sealed",
    body: await bodyOf(deps, account, { pieces, ciphertext }),
    state: isForDevice ? "done" : "pending",
    verdict: isForDevice ? clientOnly(now) : locked(now),
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
    body: await bodyOf(deps, account, { pieces: piecesOf(o), ciphertext: undefined }),
    summary: await deps.wrapFor(account, summaryOf(shownHeader(header, protection, verdict))),
    // Judging it again needs the keys, since it is encrypted at rest.
    state: !isFinal(verdict) && !isForDevice ? "pending" : "done",
    verdict,
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

function envelopeId(envelope: Envelope): string {
  const { from, recipients } = envelope;
  const all = [from, ...recipients].map((address) =>
    address === undefined ? "<>" : formatAddress(address),
  );
  return createHash("sha256").update(all.join(" ")).digest("hex");
}
