/**
 * What happens to a submitted message: the whole policy as one pure function. Nothing here looks anything up, so that
 * every row of the decision table can be tested. The rule that must never break is tested over all rows: what is not
 * certain never leaves in clear.
 */
import type { Discovery } from "../discovery/outcome.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Policy } from "../words/account.ts";

/** One recipient with the discovery of their certificate. */
export type Looked = { readonly address: EmailAddress; readonly discovery: Discovery };
export type Found = { readonly address: EmailAddress; readonly discovery: FoundDiscovery };
type FoundDiscovery = Extract<Discovery, { kind: "found" }>;

/** A recipient, the policy that holds for them, and what was found; nobody is looked up under `off`. */
export type Recipient =
  | (Looked & { readonly policy: Exclude<Policy, "off"> })
  | { readonly address: EmailAddress; readonly policy: "off" };

export type Plan =
  | { readonly kind: "seal"; readonly recipients: readonly Found[] }
  /**
   * Everybody gets the same clear message; `unsupported` are the recipients because of whom (empty: policy `off`), `found`
   * those who have a certificate all the same.
   */
  | {
      readonly kind: "clear";
      readonly unsupported: readonly Looked[];
      readonly found: readonly Found[];
    }
  /** Some get it sealed and the others in clear, where the installation allows that. */
  | {
      readonly kind: "split";
      readonly recipients: readonly Found[];
      readonly clear: readonly EmailAddress[];
      readonly unsupported: readonly Looked[];
    }
  /** Not possible under this policy: will not work by trying again. */
  | { readonly kind: "refuse"; readonly because: Looked }
  /** One recipient must have it sealed, and the sender's rule keeps it clear for another: they need two messages. */
  | { readonly kind: "conflict"; readonly sealed: EmailAddress; readonly clear: EmailAddress }
  /** Cannot be known now: the client or the next hop tries again. */
  | { readonly kind: "later"; readonly because: Looked };

/**
 * Decides for the whole message, all or nothing (RFC 9787 §9.6: no silent mixture of protected and clear copies). Each
 * recipient has a policy of their own, because a sender may have rules for some.
 *
 * `require` refuses what has no support; `prefer-clear` sends in clear only when every recipient's state is certain;
 * `prefer-pickup` refuses like `require` where there is no secure pickup to offer. An uncertainty that has lasted so long
 * that only its provider can end it is refused under each of them. It is never sent in clear. Where some recipients have
 * certificates and others get clear text, all get clear text, unless somebody's policy forbids it, or `isSplit` says that
 * each gets what they can.
 */
export function planFor(
  recipients: readonly Recipient[],
  { isSplit = false }: { readonly isSplit?: boolean } = {},
): Plan {
  const looked = recipients.filter(isLooked);
  const found = looked.filter(isFound);
  const missing = looked.filter((recipient) => !isFound(recipient));
  const lasting = missing.find(isLasting);
  if (lasting !== undefined) return { kind: "refuse", because: lasting };
  const absent = missing.filter(({ discovery }) => discovery.kind === "absent");
  const hopeless = absent.find(({ policy }) => isStrict(policy));
  if (hopeless !== undefined) return { kind: "refuse", because: hopeless };
  const uncertain = missing.find(({ discovery }) => discovery.kind === "unreachable");
  if (uncertain !== undefined) return { kind: "later", because: uncertain };

  const clear = recipients.filter((recipient) => !isLooked(recipient) || !isFound(recipient));
  const [first] = clear;
  if (first === undefined) return { kind: "seal", recipients: found };
  if (isSplit && found.length > 0) {
    const addresses = clear.map(({ address }) => address);
    return { kind: "split", recipients: found, clear: addresses, unsupported: absent };
  }
  const strict = found.find(({ policy }) => isStrict(policy));
  if (strict === undefined) return { kind: "clear", unsupported: absent, found };
  const [unsupported] = absent;
  return unsupported === undefined
    ? { kind: "conflict", sealed: strict.address, clear: first.address }
    : { kind: "refuse", because: unsupported };
}

type LookedRecipient = Extract<Recipient, Looked>;

function isLooked(recipient: Recipient): recipient is LookedRecipient {
  return recipient.policy !== "off";
}

/** Whether a policy forbids clear text. */
export function isStrict(policy: Policy): boolean {
  return policy === "require" || policy === "prefer-pickup";
}

function isLasting({ discovery }: Looked): boolean {
  return discovery.kind === "unreachable" && discovery.lastingSince !== undefined;
}

function isFound<One extends Looked>(looked: One): looked is One & Found {
  return looked.discovery.kind === "found";
}
