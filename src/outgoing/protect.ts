/** What becomes of a checked message: it leaves sealed, in clear, or as it is; it waits; or it is refused. */
import { AppError } from "../base/errors.ts";
import { type EmailAddress, withoutSubaddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { UnsealableMessage } from "../pgpmime/unsealable.ts";
import type { Policy } from "../words/account.ts";
import type { Part } from "../words/rollout.ts";
import { accepted, handOn, sentCopyOf } from "./accept.ts";
import { copiesOf } from "./copies.ts";
import { demandBy, demandFor } from "./demand.ts";
import { isStrict, planFor, type Plan } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import { withReceived } from "./received.ts";
import { lookUpAll, policiesFor } from "./recipients.ts";
import { unsendable, type Demand, type Submission } from "./submission.ts";
import type { Sender, SubmitDeps } from "./submit-deps.ts";

/** Decides for the whole message, and does what was decided. */
export async function protect(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
): Promise<Submission> {
  const demand = await demandFor(deps, sender, prepared);
  const wanted = policiesFor(sender, envelope, prepared, demand);
  const part = partFor(sender, prepared);
  if (part !== "full" && wanted.some(isStrict)) {
    return { kind: "not-enabled", demand: demandBy(sender, demand) };
  }
  const policies = part === "full" ? wanted : wanted.map(() => "off" as const);
  // The sender's own key comes first: without it nothing is sent under a policy that wants protection.
  if (policies.some((policy) => policy !== "off") && signerOf(sender, prepared) === undefined) {
    return { kind: "no-key", closed: sender.closed };
  }

  const decision = { envelope, prepared, demand, part, policies };
  return follow(deps, sender, decision, await planOf(deps, sender, decision));
}

/** What mail from the author's domain takes part in. Where that is not known, nothing leaves in clear because of it. */
function partFor({ parts }: Sender, { facts }: Prepared): Part {
  const [author] = facts.from ?? [];
  return (author && parts.get(author.address.domain)) ?? "full";
}

type Decision = {
  readonly envelope: Envelope;
  readonly prepared: Prepared;
  readonly demand: Demand | undefined;
  readonly part: Part;
  readonly policies: readonly Policy[];
};

async function planOf(deps: SubmitDeps, sender: Sender, decision: Decision): Promise<Plan> {
  const { envelope, prepared, demand, part, policies } = decision;
  const recipients = await lookUpAll(deps.discover, envelope.recipients, policies);
  const plan = planFor(recipients, { isSplit: deps.isSplit === true && demand === undefined });
  const policy = demand === undefined ? sender.policy : "require";
  const { address } = sender;
  deps.trace.planned({ sender: address, part, prepared, policy, recipients, plan });
  return plan;
}

async function follow(
  deps: SubmitDeps,
  sender: Sender,
  decision: Decision,
  plan: Plan,
): Promise<Submission> {
  const { envelope, prepared, demand } = decision;
  switch (plan.kind) {
    case "refuse":
      return unsendable(plan, demandBy(sender, demand));
    case "conflict":
      return plan;
    case "later":
      return sendLater(deps, sender, { ...decision, plan });
    case "clear":
      return sendClear(deps, sender, envelope, prepared, plan);
    case "seal":
    case "split":
      return sendSealed(deps, sender, envelope, prepared, plan);
  }
}

/** Keeps a message until its recipients are certain. Under `require` the client is told to try again, as at RCPT. */
async function sendLater(
  deps: SubmitDeps,
  sender: Sender,
  o: Decision & { readonly plan: Extract<Plan, { kind: "later" }> },
): Promise<Submission> {
  const { envelope, prepared, demand, policies, plan } = o;
  const { because } = plan;
  const signing = signerOf(sender, prepared);
  if (sender.policy === "require" || deps.defer === undefined || signing === undefined) {
    return unsendable(plan, demandBy(sender, demand));
  }
  const { account, address } = sender;
  const copy = await sentCopyOf(
    deps,
    { sender, envelope, prepared, looked: [because] },
    "deferred",
  );
  const { messageId } = prepared;
  let noCopy = copy?.kind === "none" ? copy.because : undefined;
  try {
    const deferred = await deps.defer({
      sender: { account, address },
      ...signing,
      envelope,
      prepared,
      policy: sender.policy,
      policies,
      demand,
      because,
      sent: copy?.kind === "ready" ? copy.copy : undefined,
      isSplit: deps.isSplit === true,
    });
    if (deferred.kind === "full") return unsendable(plan, demandBy(sender, demand));
    noCopy ??= deferred.noCopy;
  } catch (error) {
    if (error instanceof UnsealableMessage) return { kind: "cannot-seal", reason: error.message };
    throw error;
  }
  deps.trace.deferred({ messageId, because });
  return accepted(deps, messageId, { kind: "deferred", because }, noCopy);
}

/**
 * The key of the address that the message is from, which serves its subaddresses: each of a user's addresses has its own.
 * `author` is the address whose key it is.
 */
function signerOf(
  { keys }: Sender,
  { facts }: Prepared,
): { readonly author: EmailAddress; readonly signer: UnlockedKey } | undefined {
  const [from] = facts.from ?? [];
  if (from === undefined) return undefined;
  for (const author of [from.address, withoutSubaddress(from.address)]) {
    const signer = keys.for(author);
    if (signer !== undefined) return { author, signer };
  }
  return undefined;
}

/** Hands on what the client has encrypted. */
export async function passThrough(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
): Promise<Submission> {
  const { address } = sender;
  const part = partFor(sender, prepared);
  deps.trace.passedThrough({ sender: address, part, prepared, envelope });
  const copies = [await withReceived(deps, { envelope, message: prepared.message })];
  const o = { sender, envelope, prepared, copies, looked: [] };
  return handOn(deps, o, { kind: "already-protected" });
}

async function sendClear(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
  { unsupported, found }: Extract<Plan, { kind: "clear" }>,
): Promise<Submission> {
  const copies = [await withReceived(deps, { envelope, message: prepared.message })];
  const recipients = envelope.recipients.length;
  const o = { sender, envelope, prepared, copies, looked: [...found, ...unsupported] };
  return handOn(deps, o, { kind: "clear", recipients, unsupported });
}

async function sendSealed(
  deps: SubmitDeps,
  sender: Sender,
  envelope: Envelope,
  prepared: Prepared,
  plan: Extract<Plan, { kind: "seal" | "split" }>,
): Promise<Submission> {
  const { recipients } = plan;
  const signing = signerOf(sender, prepared);
  if (signing === undefined) throw new AppError("sealing without a key", { temporary: false });
  try {
    const { signer } = signing;
    const sealed = { ...envelope, recipients: recipients.map(({ address }) => address) };
    const copies = await copiesOf(deps, { signer, envelope: sealed, prepared, recipients });
    const unsupported = plan.kind === "split" ? plan.unsupported : [];
    const o = { sender, envelope, prepared, looked: [...recipients, ...unsupported] };
    if (plan.kind === "seal") {
      const sentAs = { kind: "sealed", recipients: recipients.length } as const;
      return await handOn(deps, { ...o, copies }, sentAs);
    }
    const inClear = {
      envelope: { ...envelope, recipients: plan.clear },
      message: prepared.message,
    };
    const all = [...copies, await withReceived(deps, inClear)];
    const { clear } = plan;
    const sentAs = {
      kind: "split",
      sealed: recipients.length,
      clear: clear.length,
      unsupported,
    } as const;
    return await handOn(deps, { ...o, copies: all }, sentAs);
  } catch (error) {
    if (error instanceof UnsealableMessage) return { kind: "cannot-seal", reason: error.message };
    throw error;
  }
}
