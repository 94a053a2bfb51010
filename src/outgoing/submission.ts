/** What became of a message that a user submitted. The edge that took it says so in its own words (`app/submission-replies.ts`). */
import type { EmailAddress } from "../mail/address.ts";
import type { Outcome } from "../smtp/relay/hop.ts";
import type { Looked, Plan } from "./plan.ts";

/** Why a message must be encrypted. */
export type Demand = "policy" | "rule" | "wish" | "reply" | "unknown-reply" | "claim";

/**
 * Why a login has no open keys: the password was changed where Sealpost did not see it, or the keys are on the user's own
 * device. Nothing changes by itself.
 */
export type KeysClosed = "password-changed" | "on-device";

/** What is wrong with a message whoever it is for. */
export type Fault =
  | "broken-header"
  | "large-header"
  | "no-single-author"
  | "foreign-author"
  | "foreign-return-path"
  | "no-recipients";

/** In what form a message left. `unsupported`: the recipients for whom it left in clear; none where encryption is off. */
export type SentAs =
  | { readonly kind: "sealed"; readonly recipients: number }
  | { readonly kind: "clear"; readonly recipients: number; readonly unsupported: readonly Looked[] }
  /** The others got it in clear: `unsupported`, and those for whom the sender's rule says so. */
  | {
      readonly kind: "split";
      readonly sealed: number;
      readonly clear: number;
      readonly unsupported: readonly Looked[];
    }
  /** Nothing has left: it waits because it is not certain whether this recipient can be encrypted for. */
  | { readonly kind: "deferred"; readonly because: Looked }
  | { readonly kind: "already-protected" };

/** Why a recipient cannot be written to as the policy wants: for good, or not known now. */
export type Unsendable =
  | { readonly kind: "unprotected"; readonly because: Looked; readonly demand: Demand }
  | { readonly kind: "uncertain"; readonly because: Looked };

/** What the user sends is not sealed yet, and this must not leave in clear. */
export type NotEnabled = { readonly kind: "not-enabled"; readonly demand: Demand };

/** What the next hop said of the message, where it took it for nobody; undefined: it gave no answer. */
export type NotTaken = {
  readonly kind: "not-taken";
  readonly by:
    | { readonly recipient: EmailAddress; readonly outcome: Extract<Outcome, { kind: "refused" }> }
    | undefined;
};

/** Why the sender's mailbox has no copy of an accepted message, where the installation keeps copies. */
export type NoSentCopy = "full" | "too-large" | "failed";

/** What became of a submitted message. Only of an `accepted` one did anything leave, or is kept to leave. */
export type Submission =
  | {
      readonly kind: "accepted";
      readonly sentAs: SentAs;
      /** Undefined: a copy is in the sender's mailbox, or the installation keeps none. */
      readonly noCopy?: NoSentCopy | undefined;
    }
  | { readonly kind: "refused"; readonly fault: Fault }
  | { readonly kind: "no-key"; readonly closed: KeysClosed | undefined }
  | { readonly kind: "cannot-seal"; readonly reason: string }
  /** One recipient must have it sealed, and a rule of the sender keeps it clear for another. */
  | Extract<Plan, { kind: "conflict" }>
  | NotEnabled
  | Unsendable
  | NotTaken;

/** What a recipient is answered before the message comes. */
export type RecipientAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "too-many"; readonly max: number }
  | { readonly kind: "unknown-here" }
  | NotEnabled
  | Unsendable;

/** Why a planned message is not sent, for a reason that was demanded. */
export function unsendable(
  { kind, because }: Extract<Plan, { kind: "refuse" | "later" }>,
  demand: Demand,
): Unsendable {
  return kind === "later"
    ? { kind: "uncertain", because }
    : { kind: "unprotected", because, demand };
}
