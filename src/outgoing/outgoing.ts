/**
 * Outgoing mail: what a user sends, from the authenticated client to the next hop.
 *
 *     AUTH     the password opens the user's keys (`login/`)
 *     RCPT     under policy `require`, a recipient without a certificate is refused at once
 *     DATA     discover every recipient, then decide for the whole message (`plan.ts`)
 *              seal once for the named recipients and once for each blind one (`copies.ts`)
 *              make the sender's own copy (`sent-copy.ts`)
 *              hand the copies to the next hop (`hand-on.ts`); a later copy may wait in the outbox
 *              or keep the message until its recipients are certain (`deferral/`)
 *
 * The decision is made once for the whole message: sealing it for one recipient and sending it in clear to another would
 * reveal it. A recipient whose keyserver cannot be reached is not a recipient without a key: such a message waits, or is
 * refused for now. It is never sent in clear because of that. `250` is said after the next hop took the first copy, and every other copy was taken or is durable,
 * the sender's own too.
 *
 * What became of a message is a `Submission`. `app/submission-replies.ts` says it in SMTP.
 */
import type { Given } from "../base/given.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import { policyTowards } from "../policy/contact-rules.ts";
import { withoutForeignKeys } from "./autocrypt.ts";
import { MAX_NAMED } from "./copies.ts";
import { demandBy, isProtected } from "./demand.ts";
import { isOwnAuthor, isOwnReturnPath } from "./own-address.ts";
import { planFor } from "./plan.ts";
import { prepare } from "./prepare.ts";
import { passThrough, protect } from "./protect.ts";
import { unsendable, type RecipientAnswer, type Submission } from "./submission.ts";
import type { Sender, SubmitDeps } from "./submit-deps.ts";

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
  const policy = policyTowards(sender.policies, recipient);
  if (sender.policy !== "off" && accepted >= MAX_NAMED) return { kind: "too-many", max: MAX_NAMED };
  if (await deps.isUnknownHere(recipient)) return { kind: "unknown-here" };
  if (policy !== "require") return { kind: "accepted" };
  // Whom the message is from is known with the message: here it may be from any of their domains.
  if (![...sender.parts.values()].includes("full"))
    return { kind: "not-enabled", demand: demandBy(sender, undefined) };
  const plan = planFor([{ address: recipient, policy, discovery: await deps.discover(recipient) }]);
  return plan.kind === "refuse" || plan.kind === "later"
    ? unsendable(plan, demandBy(sender, undefined))
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
