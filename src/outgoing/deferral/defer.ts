import { randomUUID } from "node:crypto";

import { after } from "../../base/time.ts";
import { retryDelayMs } from "../../jobs/retry-delay.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { AccountGone } from "../../mailbox/account-gone.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { holdAccount } from "../../store/accounts/account-locks.ts";
import { deferredBytes, insertDeferred, type DeferredRow } from "../../store/mail/deferred.ts";
import type { OutboxRow } from "../../store/mail/outbox.ts";
import type { Policy } from "../../words/account.ts";
import { groupsOf } from "../copies.ts";
import type { Also, CopySender } from "../hand-on.ts";
import { writeEnvelope } from "../kept-envelope.ts";
import type { Looked } from "../plan.ts";
import type { Prepared } from "../prepare.ts";
import type { SentCopy } from "../sent-copy.ts";
import type { Demand, NoSentCopy } from "../submission.ts";
import type { Keeping, SignMessage } from "./deferral.ts";
import { orderOctets, PART } from "./order.ts";

export type DeferDeps = Pick<Keeping, "store" | "clock" | "wrap"> & {
  readonly sign: SignMessage;
  readonly legacyDisplay?: boolean;
  /** Maximum octets that may wait for one sender. */
  readonly maxBytes: number;
};

/** `full`: too much waits for this sender already, and nothing is kept. */
export type Deferred =
  | { readonly kind: "kept"; readonly noCopy: NoSentCopy | undefined }
  | { readonly kind: "full" };

export type DeferRequest = {
  readonly sender: CopySender;
  /** The address whose key signs, and that key. */
  readonly author: EmailAddress;
  readonly signer: UnlockedKey;
  readonly envelope: Envelope;
  readonly prepared: Prepared;
  /** The policy for each recipient of the envelope, and what asks for encryption besides. */
  readonly policies: readonly Policy[];
  readonly demand: Demand | undefined;
  /** The recipient because of whom it waits. */
  readonly because: Looked;
  /** The copy for the sender's own mailbox, which is kept in the same transaction. */
  readonly sent: SentCopy | undefined;
  /** What notes that the message must not be followed up in clear; it is written in the same transaction. */
  readonly note: Also;
};

/**
 * Signs a message once for its named recipients and once for each blind one, and keeps it all under the queue key. Nothing
 * has left then, and the message is durable.
 * @throws UnsealableMessage for a message that could not be sealed either, AccountGone when the account was erased meanwhile
 */
export async function defer(deps: DeferDeps, request: DeferRequest): Promise<Deferred> {
  const { sender, author, signer, envelope, prepared, policies, demand, because, sent, note } =
    request;
  const groups = groupsOf(envelope.recipients, prepared);
  const { fingerprint: signedBy } = signer.certificate;
  const { account } = sender;
  const id = randomUUID();
  const at = deps.clock.now();
  const row: DeferredRow = {
    id,
    account,
    sender: sender.address,
    messageId: prepared.messageId,
    envelope: writeEnvelope(envelope),
    because: because.address,
  };
  const partOf = async (name: string, bytes: Uint8Array): Promise<OutboxRow> => {
    const wrapped = await deps.wrap(name, bytes);
    return { ...row, ...wrapped, id: name, createdAt: at };
  };
  const order = { account, envelope, policies, demand, author, signedBy, once: sent?.once, groups };
  const parts = [
    await partOf(PART.order(id), orderOctets(order)),
    await partOf(PART.original(id), prepared.message),
  ];
  for (const [number, { blindReader }] of groups.entries()) {
    const signed = await deps.sign({
      message: prepared.message,
      signer,
      ...(blindReader === undefined ? {} : { blindReader }),
      ...(deps.legacyDisplay === undefined ? {} : { legacyDisplay: deps.legacyDisplay }),
      now: at,
    });
    parts.push(await partOf(PART.signed(id, number), signed));
  }
  const { code: reason } = because.discovery;
  const job = { createdAt: at, dueAt: after(at, retryDelayMs(0)), reason };
  const keepSent = await sent?.settle([]);
  return deps.store.transaction(async (tx) => {
    if ((await holdAccount(tx, account)) === undefined) throw new AccountGone();
    if ((await deferredBytes(tx, account)) + sizeOf(parts) > deps.maxBytes) return { kind: "full" };
    await insertDeferred(tx, row, parts, job);
    await note(tx);
    return { kind: "kept", noCopy: await keepSent?.(tx) };
  });
}

function sizeOf(parts: readonly OutboxRow[]): number {
  return parts.reduce((sum, { wrapped }) => sum + wrapped.length, 0);
}
