/** The recipients of a message, each with the policy that holds for them and what is known of their certificate. */
import type { Discover } from "../discovery/outcome.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import { policyTowards } from "../policy/contact-rules.ts";
import type { Policy } from "../words/account.ts";
import { isStrict, type Recipient } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import type { Demand } from "./submission.ts";
import type { Sender } from "./submit-deps.ts";

/**
 * The policy for each recipient, in their order. What demands encryption by itself outweighs rules. Automatic mail (an
 * empty return path, or Auto-Submitted) is not encrypted unless a policy or a rule requires it: programs read it.
 */
export function policiesFor(
  sender: Pick<Sender, "policies">,
  { from, recipients }: Envelope,
  { isAutomatic, facts }: Pick<Prepared, "isAutomatic" | "facts">,
  demand: Demand | undefined,
): readonly Policy[] {
  const [author] = facts.from ?? [];
  return recipients.map((recipient) => {
    if (demand !== undefined) return "require";
    const policy = policyTowards(sender.policies, recipient, author?.address.domain);
    return from === undefined || isAutomatic ? automaticPolicy(policy) : policy;
  });
}

/** The policy for automatic mail: programs read it, so that it is encrypted only where clear text is forbidden. */
export function automaticPolicy(policy: Policy): Policy {
  return isStrict(policy) ? policy : "off";
}

/** Looks up everybody but those for whom nothing is encrypted. */
export async function lookUpAll(
  discover: Discover,
  addresses: readonly EmailAddress[],
  policies: readonly Policy[],
  signal?: AbortSignal,
): Promise<readonly Recipient[]> {
  return Promise.all(
    addresses.map(async (address, index): Promise<Recipient> => {
      const policy = policies[index] ?? "require";
      if (policy === "off") return { address, policy };
      const discovery = await discover(address, signal === undefined ? {} : { signal });
      return { address, policy, discovery };
    }),
  );
}
