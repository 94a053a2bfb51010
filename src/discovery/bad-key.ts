/** A keyserver gave a certificate that cannot be used: what that says about the address. */
import { DAY, after } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { UnusableReason } from "../openpgp/certificates/acceptance.ts";
import { unusableSince } from "../store/discovery/unusable-answers.ts";
import type { LookUpContext } from "./context.ts";
import type { Discovery, Evidence } from "./outcome.ts";

/**
 * Says whether a certificate that cannot be used is an answer of its domain, or a possible attack or fault. An attack or
 * fault must not lead to clear text. What time alone may mend is no answer either.
 */
const MEANING: Record<UnusableReason, "absent" | "unreachable"> = {
  revoked: "absent",
  expired: "absent",
  "no-encryption-key": "absent",
  "no-signing-key": "absent",
  "weak-algorithm": "absent",
  "unsupported-algorithm": "absent",
  "unsupported-version": "absent",
  "wrong-user-id": "unreachable",
  "bad-self-signature": "unreachable",
  unparsable: "unreachable",
  "not-yet-valid": "unreachable",
};

/** Reasons that do not pass before somebody repairs what is published; the others end with time alone. */
const LASTING: ReadonlySet<string> = new Set<UnusableReason>([
  "wrong-user-id",
  "bad-self-signature",
  "unparsable",
]);
/** How long such a reason counts as a fault that may pass. */
const LASTING_MS = DAY;

/** The discovery, by the reasons of all certificates that the keyserver gave. */
export function badKey(reasons: readonly UnusableReason[], evidence: Evidence): Discovery {
  const doubtful = reasons.find((reason) => MEANING[reason] === "unreachable");
  const [reason = "unparsable"] = reasons;
  return doubtful === undefined
    ? { kind: "absent", code: "BADKEY", reason, evidence }
    : { kind: "unreachable", code: "BADKEY", reason: doubtful, evidence };
}

/**
 * The discovery with the time since when its reason lasts, where the reason does not pass by itself. Only users' own look-ups
 * count: a stranger's mail must not begin the time after which theirs is refused.
 */
export async function withAge(
  { store, clock }: LookUpContext,
  address: EmailAddress,
  discovery: Discovery,
): Promise<Discovery> {
  if (discovery.kind !== "unreachable" || discovery.code !== "BADKEY") return discovery;
  if (!LASTING.has(discovery.reason)) return discovery;
  const now = clock.now();
  const since = await unusableSince(store, address, discovery.reason, now);
  return after(since, LASTING_MS) <= now ? { ...discovery, lastingSince: since } : discovery;
}
