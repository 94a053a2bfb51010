/**
 * Outgoing mail: what a user sends, from the authenticated client to the next hop.
 *
 *     AUTH     the password opens the user's keys (`login/`)
 *     RCPT     under policy `require`, a recipient without a certificate is refused at once
 *     DATA     discover every recipient, then decide for the whole message (`plan.ts`)
 *              seal once for the named recipients and once for each blind one (`copies.ts`)
 *              make the sender's own copy (`sent-copy.ts`)
 *              hand the copies to the next hop (`hand-on.ts`); a later copy may wait in the outbox
 *
 * The decision is made once for the whole message: sealing it for one recipient and sending it in clear to another would
 * reveal it. A recipient whose keyserver cannot be reached is not a recipient without a key: such a message is refused for
 * now, never sent in clear. `250` is said after the next hop took the first copy, and every other copy was taken or is durable,
 * the sender's own too.
 *
 * What became of a message is a `Submission`. `app/submission-replies.ts` says it in SMTP.
 */
import { AppError } from "../base/errors.ts";
import type { Given } from "../base/given.ts";
import type { Discover } from "../discovery/outcome.ts";
import { type Domain, type EmailAddress, withoutSubaddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId, Policy } from "../words/account.ts";
import { type AutocryptRule, withoutForeignKeys } from "./autocrypt.ts";
import { copiesOf, MAX_NAMED, type SealMessage } from "./copies.ts";
import type { Copy } from "./copy.ts";
import { type CameProtected, demandFor, isProtected } from "./demand.ts";
import type { Also, HandOn } from "./hand-on.ts";
import { isOwnAuthor, isOwnReturnPath } from "./own-address.ts";
import { planFor, type Plan } from "./plan.ts";
import { prepare, type PrepareDeps, type Prepared } from "./prepare.ts";
import { withReceived } from "./received.ts";
import type { PreparedSent, SentRequest } from "./sent-copy.ts";
import type {
  Demand,
  KeysClosed,
  RecipientAnswer,
  SentAs,
  Submission,
  Unsendable,
} from "./submission.ts";
import type { TraceOutgoing } from "./tracing.ts";

/** Who is logged in on a connection: their addresses and their keys, unlocked with the password they gave. */
export type Sender = {
  readonly account: AccountId;
  readonly address: EmailAddress;
  readonly addresses: readonly EmailAddress[];
  readonly policy: Policy;
  readonly keys: UnlockedKeys;
  /** Why the login opened no keys, where it did not. */
  readonly closed?: KeysClosed | undefined;
  /** The change of the account that the login saw: after the next one the keys are used no more. */
  readonly generation: number;
};

export type SubmitDeps = PrepareDeps & {
  readonly hostname: Domain;
  /** Whether an address belongs to an account by itself, and not as a subaddress. */
  readonly isAddress: (address: EmailAddress) => Promise<boolean>;
  /** Whether a domain is ours, and nobody reads what is sent to this address of it. */
  readonly isUnknownHere: (address: EmailAddress) => Promise<boolean>;
  readonly discover: Discover;
  readonly seal: SealMessage;
  readonly handOn: HandOn;
  readonly trace: TraceOutgoing;
  readonly autocrypt: AutocryptRule;
  /** Whether the subject of a sealed message stands once more in its text; by default it does. */
  readonly legacyDisplay?: boolean;
  readonly cameProtected: CameProtected;
  /** What notes that a message of an account, by its Message-ID, left encrypted. */
  readonly protectedName: (account: AccountId, messageId: string) => Promise<Also>;
  /** Makes the copy for the sender's own mailbox; undefined where the installation keeps none. */
  readonly prepareSent?: ((request: SentRequest) => Promise<PreparedSent>) | undefined;
};

/**
 * What a recipient is answered before the message comes: nobody of our own domains who is not there is written to; under
 * `require` the recipient's state decides, otherwise everybody is accepted for now, as many as one message can be sealed for.
 * `accepted` says how many were before.
 */
export async function answerRecipient(
  deps: Pick<SubmitDeps, "discover" | "isUnknownHere">,
  sender: Sender,
  recipient: EmailAddress,
  accepted: number,
): Promise<RecipientAnswer> {
  if (sender.policy !== "off" && accepted >= MAX_NAMED) return { kind: "too-many", max: MAX_NAMED };
  if (await deps.isUnknownHere(recipient)) return { kind: "unknown-here" };
  if (sender.policy !== "require") return { kind: "accepted" };
  const looked = { address: recipient, discovery: await deps.discover(recipient) };
  const plan = planFor([looked], sender.policy);
  return plan.kind === "refuse" || plan.kind === "later"
    ? unsendable(plan, "policy")
    : { kind: "accepted" };
}

/** @throws AppError for trouble that is nobody's decision; it is answered 4yz or 5yz at the edge. */
export async function submit(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  message: Given<Uint8Array>,
): Promise<Submission> {
  const { addresses } = sender;
  if (envelope.recipients.length === 0) return { kind: "refused", fault: "no-recipients" };
  if (!(await isOwnReturnPath(deps, addresses, envelope.from))) {
    return { kind: "refused", fault: "foreign-return-path" };
  }
  const preparation = await prepare(deps, addresses, message);
  if (preparation.kind === "refused") return preparation;
  const { facts } = preparation.prepared;
  if (!(await isOwnAuthor(deps, addresses, facts))) {
    return { kind: "refused", fault: "foreign-author" };
  }
  const prepared = await withoutForeignKeys(deps, preparation.prepared);
  if (await isProtected(deps, envelope.recipients, prepared.byClient)) {
    return passThrough(deps, sender, envelope, prepared);
  }
  return protect(deps, sender, envelope, prepared);
}

/** Decides for the whole message, and does what was decided. */
async function protect(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
): Promise<Submission> {
  const demand = await demandFor(deps, sender, prepared);
  const policy = demand === undefined ? sender.policy : "require";
  // The sender's own key comes first: without it nothing is sent under a policy that wants protection.
  if (policy !== "off" && signerOf(sender, prepared) === undefined) {
    return { kind: "no-key", closed: sender.closed };
  }

  const looked = await Promise.all(
    envelope.recipients.map(async (address) => ({
      address,
      discovery: await deps.discover(address),
    })),
  );
  const plan = planFor(looked, policy);
  deps.trace.planned({ sender: sender.address, prepared, policy, looked, plan });
  switch (plan.kind) {
    case "refuse":
    case "later":
      return unsendable(plan, demand ?? "policy");
    case "clear":
      return sendClear(deps, sender, envelope, prepared, plan);
    case "seal":
      return sendSealed(deps, sender, envelope, prepared, plan);
  }
}

/** Why a planned message is not sent, for a reason that was demanded. */
export function unsendable(
  { kind, because }: Extract<Plan, { kind: "refuse" | "later" }>,
  demand: Demand,
): Unsendable {
  return kind === "later"
    ? { kind: "uncertain", because }
    : { kind: "unprotected", because, demand };
}

/** The key of the address that the message is from, which serves its subaddresses: each of a user's addresses has its own. */
function signerOf({ keys }: Sender, { facts }: Prepared): UnlockedKey | undefined {
  const [author] = facts.from ?? [];
  if (author === undefined) return undefined;
  return keys.for(author.address) ?? keys.for(withoutSubaddress(author.address));
}

async function passThrough(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
): Promise<Submission> {
  deps.trace.passedThrough({ sender: sender.address, prepared, envelope });
  const copies = [await withReceived(deps, { envelope, message: prepared.message })];
  const o = { sender, envelope, prepared, copies, found: [] };
  return handOn(deps, o, { kind: "already-protected" });
}

async function sendClear(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
  { unsupported }: Extract<Plan, { kind: "clear" }>,
): Promise<Submission> {
  const copies = [await withReceived(deps, { envelope, message: prepared.message })];
  const recipients = envelope.recipients.length;
  const o = { sender, envelope, prepared, copies, found: [] };
  return handOn(deps, o, { kind: "clear", recipients, unsupported });
}

async function sendSealed(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
  { recipients }: Extract<Plan, { kind: "seal" }>,
): Promise<Submission> {
  const signer = signerOf(sender, prepared);
  if (signer === undefined) throw new AppError("sealing without a key", { temporary: false });
  try {
    const copies = await copiesOf(deps, { signer, envelope, prepared, recipients });
    const sentAs = { kind: "sealed", recipients: recipients.length } as const;
    return await handOn(deps, { sender, envelope, prepared, copies, found: recipients }, sentAs);
  } catch (error) {
    if (error instanceof UnsealableMessage) return { kind: "cannot-seal", reason: error.message };
    throw error;
  }
}

async function handOn(
  deps: SubmitDeps,
  o: Pick<SentRequest, "envelope" | "prepared" | "found"> & {
    readonly sender: Sender;
    readonly copies: readonly Copy[];
  },
  sentAs: SentAs,
): Promise<Submission> {
  const { sender, envelope, prepared, copies, found } = o;
  const { messageId } = prepared;
  const owner = { id: sender.account, address: sender.address };
  const sent = await deps.prepareSent?.({
    owner,
    keys: sender.keys,
    envelope,
    prepared,
    how: sentAs.kind,
    found,
  });
  const copy = sent?.kind === "ready" ? sent.copy : undefined;
  const isClear = sentAs.kind === "clear";
  const note = isClear ? undefined : await deps.protectedName(sender.account, messageId);
  const handedOn = await deps.handOn({ sender, messageId, copies, sent: copy, note });
  if (handedOn.kind !== "taken") return handedOn;
  const because = sent?.kind === "none" ? sent.because : handedOn.noCopy;
  if (because === undefined) return { kind: "accepted", sentAs };
  deps.trace.noSentCopy({ messageId, because });
  return { kind: "accepted", sentAs, noCopy: because };
}
