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

export type Plan =
  | { readonly kind: "seal"; readonly recipients: readonly Found[] }
  /** Everybody gets the same clear message; `unsupported` are the recipients because of whom (empty: policy `off`). */
  | { readonly kind: "clear"; readonly unsupported: readonly Looked[] }
  /** Not possible under this policy: will not work by trying again. */
  | { readonly kind: "refuse"; readonly because: Looked }
  /** Cannot be known now: the client or the next hop tries again. */
  | { readonly kind: "later"; readonly because: Looked };

/**
 * Decides for the whole message, all or nothing (RFC 9787 §9.6: no silent mixture of protected and clear copies).
 * `require` refuses what has no support; `prefer-clear` sends in clear only when every recipient's state is certain;
 * `prefer-pickup` refuses like `require` where there is no secure pickup to offer. An uncertainty that has lasted so long
 * that only its provider can end it is refused under each of them. It is never sent in clear.
 */
export function planFor(recipients: readonly Looked[], policy: Policy): Plan {
  if (policy === "off") return { kind: "clear", unsupported: [] };
  const found = recipients.filter(isFound);
  const missing = recipients.filter((recipient) => !isFound(recipient));
  const [first] = missing;
  if (first === undefined) return { kind: "seal", recipients: found };
  const uncertain = missing.find(({ discovery }) => discovery.kind === "unreachable");
  const lasting = missing.find(isLasting);
  if (lasting !== undefined) return { kind: "refuse", because: lasting };
  const absent = missing.find(({ discovery }) => discovery.kind === "absent");
  if (policy === "prefer-clear") {
    return uncertain === undefined
      ? { kind: "clear", unsupported: missing }
      : { kind: "later", because: uncertain };
  }
  return absent === undefined
    ? { kind: "later", because: first }
    : { kind: "refuse", because: absent };
}

function isLasting({ discovery }: Looked): boolean {
  return discovery.kind === "unreachable" && discovery.lastingSince !== undefined;
}

function isFound(looked: Looked): looked is Found {
  return looked.discovery.kind === "found";
}
