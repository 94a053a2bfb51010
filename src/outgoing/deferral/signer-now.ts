import { after, DAY, HOUR, type Clock } from "../../base/time.ts";
import { sameAddress } from "../../mail/address.ts";
import { senderPolicy, type SenderPolicy } from "../../policy/contact-rules.ts";
import type { PolicySettings } from "../../policy/policy.ts";
import { readStanding } from "../../store/accounts/standing.ts";
import { findByFingerprint } from "../../store/keys/certificates.ts";
import type { Store } from "../../store/store.ts";
import type { Part } from "../../words/rollout.ts";
import type { Order } from "./order.ts";

/**
 * What holds for the sender of a deferred message now. `isKeyGood`: what their key signed then is still believed by whoever
 * receives it now.
 */
export type SignerNow = {
  readonly policies: SenderPolicy;
  readonly isKeyGood: boolean;
  readonly part: Part;
};

/**
 * How long after a key was replaced its signature is still sent. Recipients believe it for five days
 * (`incoming/check-signature.ts`); the rest is for the way there.
 */
const REPLACED_MS = 4 * DAY + 12 * HOUR;

/** Undefined when the account is gone or closed, or no longer has the address that the message is from. */
export async function signerNow(
  {
    store,
    clock,
    settings,
  }: {
    readonly store: Store;
    readonly clock: Clock;
    readonly settings: PolicySettings;
  },
  { account: id, author, signedBy }: Pick<Order, "account" | "author" | "signedBy">,
): Promise<SignerNow | undefined> {
  const standing = await readStanding(store, id);
  if (standing === undefined || standing.account.closedAt !== undefined) return undefined;
  const own = standing.addresses.find(({ address }) => sameAddress(address, author));
  if (own === undefined) return undefined;
  const { part } = own;
  const policies = await senderPolicy(store, settings, standing);
  const key = await findByFingerprint(store, signedBy);
  const now = clock.now();
  if (key === undefined) return { policies, isKeyGood: false, part };
  const { state, revokedAt, expiresAt } = key;
  const isAlive = expiresAt === undefined || expiresAt > now;
  const isFresh = revokedAt !== undefined && now < after(revokedAt, REPLACED_MS);
  return {
    policies,
    part,
    isKeyGood: isAlive && (state === "active" || (state === "superseded" && isFresh)),
  };
}
