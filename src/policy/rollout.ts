/**
 * How a provider brings encryption to its users: a domain goes from `off` over `receive-only` and `opt-in` to `default-on`, and
 * back. Going back hides certificates and revokes none, so that the next step forward shows the same keys again.
 */
import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import type { Domain } from "../mail/address.ts";
import { lockAccount } from "../store/accounts/account-locks.ts";
import {
  hideOfDomain,
  listRollouts,
  readMembership,
  readRollout,
  updateMembership,
  upsertRollout,
} from "../store/accounts/rollout.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import type { DomainRollout, Membership } from "../words/rollout.ts";

type Deps = { readonly store: Store; readonly clock: Clock };

/** How many certificates are hidden or shown in one transaction. */
const PAGE_SIZE = 500;

/** What a domain's step came to: how many certificates the world finds or no longer finds since. */
export type RolloutChange = {
  readonly kind: "changed" | "unchanged";
  readonly certificates: number;
};

/**
 * Sets how far a domain takes part, with an audit entry, then hides or shows its certificates, some at a time. What is
 * published meanwhile follows the new step already. It may be interrupted; given again it goes on.
 */
export async function changeRollout(
  { store, clock }: Deps,
  domain: Domain,
  wish: DomainRollout,
  progress: (certificates: number) => void = () => undefined,
): Promise<RolloutChange> {
  const isChanged = await store.transaction(async (tx) => {
    const before = await readRollout(tx, domain);
    if (before.rollout === wish.rollout && before.others === wish.others) return false;
    const at = clock.now();
    await upsertRollout(tx, domain, wish, at);
    const { rollout, others } = wish;
    const detail = { domain, from: before.rollout, to: rollout, others, by: "operator" };
    await appendAudit(tx, { at, action: "domain.rollout", detail });
    return true;
  });
  const certificates = await followRollout(store, domain, progress);
  return { kind: isChanged ? "changed" : "unchanged", certificates };
}

/** Hides or shows the certificates of every domain as its step says: what an interrupted change left undone. */
export async function followRollouts(store: Store): Promise<void> {
  for (const domain of await listRollouts(store)) await followRollout(store, domain);
}

/** @returns how many certificates changed */
async function followRollout(
  store: Store,
  domain: Domain,
  progress: (certificates: number) => void = () => undefined,
): Promise<number> {
  let certificates = 0;
  let after: string | undefined = "";
  while (after !== undefined) {
    const page: { readonly after: string; readonly limit: number } = { after, limit: PAGE_SIZE };
    const { last, changed } = await store.transaction(async (tx) => hideOfDomain(tx, domain, page));
    certificates += changed;
    progress(certificates);
    after = last;
  }
  return certificates;
}

/** What came of what a user said. */
export type MembershipChange = { readonly kind: "changed" | "unchanged" | "no-account" };

/** Notes that a user joins, leaves, or says nothing any more, in one moment with the audit entry. */
export async function changeMembership(
  { store, clock }: Deps,
  account: AccountId,
  membership: Membership | undefined,
): Promise<MembershipChange> {
  return store.transaction(async (tx) => {
    if (!(await lockAccount(tx, account))) return { kind: "no-account" };
    const before = await readMembership(tx, account);
    if (before === membership) return { kind: "unchanged" };
    await updateMembership(tx, account, membership);
    const detail = { from: before ?? NOTHING, to: membership ?? NOTHING, by: "operator" };
    await appendAudit(tx, { at: clock.now(), action: "rollout.changed", account, detail });
    return { kind: "changed" };
  });
}

/** In the audit log, for a user who said nothing. */
const NOTHING = "inherit";

export { readMembership, readRollout } from "../store/accounts/rollout.ts";
