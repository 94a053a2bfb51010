import { randomUUID } from "node:crypto";

import { after } from "../../base/time.ts";
import { retryDelayMs } from "../../jobs/retry-delay.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { AccountGone } from "../../mailbox/account-gone.ts";
import type { UnlockedKey } from "../../openpgp/keys/secret-key.ts";
import { lockAccount } from "../../store/accounts/account-locks.ts";
import { deferredUse, insertDeferred, type DeferredRow } from "../../store/mail/deferred.ts";
import type { OutboxRow } from "../../store/mail/outbox.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId, Policy } from "../../words/account.ts";
import { groupsOf } from "../copies.ts";
import type { CopySender } from "../hand-on.ts";
import { writeEnvelope } from "../kept-envelope.ts";
import type { Looked } from "../plan.ts";
import type { Prepared } from "../prepare.ts";
import type { SentCopy } from "../sent-copy.ts";
import type { Demand, NoSentCopy } from "../submission.ts";
import type { Keeping, SignMessage } from "./deferral.ts";
import { orderOctets, PART } from "./order.ts";

export type DeferDeps = Pick<Keeping, "store" | "clock" | "parts"> & {
  readonly sign: SignMessage;
  /** Whether the subject stands once more in the text, for older programs. */
  readonly legacyDisplay: boolean;
  /** What may wait for one sender at most. */
  readonly limits: { readonly bytes: number; readonly messages: number };
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
  /** The sender's policy, the one for each recipient of the envelope, and what asks for encryption besides. */
  readonly policy: Policy;
  readonly policies: readonly Policy[];
  readonly demand: Demand | undefined;
  /** The recipient because of whom it waits. */
  readonly because: Looked;
  /** The copy for the sender's own mailbox, which is kept in the same transaction. */
  readonly sent: SentCopy | undefined;
  /** Whether the message may leave sealed for some of its recipients and in clear for others. */
  readonly isSplit: boolean;
};

/**
 * Signs a message once for its named recipients and once for each blind one, and keeps it all under the queue key. Nothing
 * has left then, and the message is durable.
 * @throws UnsealableMessage for a message that could not be sealed either, AccountGone when the account was erased meanwhile
 */
export async function defer(deps: DeferDeps, request: DeferRequest): Promise<Deferred> {
  const { sender, author, signer, envelope, prepared, because, sent } = request;
  const { policy, policies, demand, isSplit } = request;
  const groups = groupsOf(envelope.recipients, prepared);
  const { fingerprint: signedBy } = signer.certificate;
  const { account } = sender;
  // Signing is for nothing where there is no room.
  const leastBytes = (1 + groups.length) * prepared.message.length;
  if (!(await hasRoom(deps.store, account, leastBytes, deps.limits))) return { kind: "full" };
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
    const wrapped = await deps.parts.wrap(name, bytes);
    return { ...row, ...wrapped, id: name, createdAt: at };
  };
  const { isAutomatic } = prepared;
  const order = {
    isAutomatic,
    isSplit,
    account,
    envelope,
    policy,
    policies,
    demand,
    author,
    signedBy,
    once: (await sent?.isThere()) === false ? sent?.once : undefined,
    groups,
  };
  const parts = [
    await partOf(PART.order(id), orderOctets(order)),
    await partOf(PART.original(id), prepared.message),
  ];
  for (const [number, { blindReader }] of groups.entries()) {
    const signed = await deps.sign({
      message: prepared.message,
      signer,
      blindReader,
      legacyDisplay: deps.legacyDisplay,
      now: at,
    });
    parts.push(await partOf(PART.signed(id, number), signed));
  }
  const { code: reason } = because.discovery;
  const job = { createdAt: at, dueAt: after(at, retryDelayMs(0)), reason };
  const keepSent = await sent?.settle([]);
  return deps.store.transaction(async (tx) => {
    // Alone: of several at once, each counts those before it.
    if (!(await lockAccount(tx, account))) throw new AccountGone();
    if (!(await hasRoom(tx, account, sizeOf(parts), deps.limits))) return { kind: "full" };
    await insertDeferred(tx, row, parts, job);
    return { kind: "kept", noCopy: await keepSent?.(tx) };
  });
}

async function hasRoom(
  store: Store,
  account: AccountId,
  moreBytes: number,
  limits: DeferDeps["limits"],
): Promise<boolean> {
  const { messages, bytes } = await deferredUse(store, account);
  return messages < limits.messages && bytes + moreBytes <= limits.bytes;
}

function sizeOf(parts: readonly OutboxRow[]): number {
  return parts.reduce((sum, { wrapped }) => sum + wrapped.length, 0);
}
