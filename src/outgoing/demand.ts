/** What a message asks for by itself: to leave encrypted and not in clear, or as its client has encrypted it already. */
import type { Discover } from "../discovery/outcome.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { SenderPolicy } from "../policy/contact-rules.ts";
import type { AccountId, Policy } from "../words/account.ts";
import type { ClientProtection } from "./already-protected.ts";
import type { Prepared } from "./prepare.ts";
import type { Demand } from "./submission.ts";

/** Whether the sender received or sent one of these messages protected: a reply to it must not be clear. */
export type CameProtected = (reader: AccountId, messageIds: readonly string[]) => Promise<boolean>;

/** What makes the message one that must not leave in clear; undefined: nothing, the policy in force decides. */
export async function demandFor(
  { cameProtected }: { readonly cameProtected: CameProtected },
  sender: {
    readonly account: AccountId;
    readonly policy: Policy;
    readonly policies: Pick<SenderPolicy, "rules">;
  },
  prepared: Prepared,
): Promise<Demand | undefined> {
  if (sender.policy === "require" && sender.policies.rules.size === 0) return "policy";
  if (prepared.isRequired) return "wish";
  if (prepared.byClient.kind !== "none") return "claim";
  if (prepared.isReplyToUnknown) return "unknown-reply";
  const { repliesTo } = prepared;
  if (repliesTo.length === 0) return undefined;
  return (await cameProtected(sender.account, repliesTo)) ? "reply" : undefined;
}

/** What a message that must not leave in clear is refused for: what asked for it, the policy, or a rule for a recipient. */
export function demandBy(sender: { readonly policy: Policy }, demand: Demand | undefined): Demand {
  return (
    demand ?? (sender.policy === "prefer-clear" || sender.policy === "off" ? "rule" : "policy")
  );
}

/**
 * Whether the client has encrypted the message for at least as many keys as it has recipients; several of them may share
 * a certificate.
 */
export async function isProtected(
  { discover }: { readonly discover: Discover },
  recipients: readonly EmailAddress[],
  byClient: ClientProtection,
): Promise<boolean> {
  if (byClient.kind !== "protected") return false;
  const { keys } = byClient;
  if (keys === undefined || keys >= recipients.length) return true;
  const certificates = await Promise.all(
    recipients.map(async (address) => {
      const discovery = await discover(address);
      return discovery.kind === "found"
        ? discovery.certificate.fingerprint
        : formatAddress(address);
    }),
  );
  return keys >= new Set(certificates).size;
}
