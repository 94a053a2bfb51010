import { after, DAY } from "../base/time.ts";
import { appendAuditOnce, isAudited } from "../journal/journal.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { findOwner } from "../store/accounts/addresses.ts";
import {
  findPublished,
  listExpiring,
  type PublishedCertificate,
} from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { openWithService } from "../vault/master-key.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";
import type { Language } from "../words/language.ts";
import { addressesKeptHere, changeKeys } from "./keys.ts";

/** How its owner extends a key that the service key does not open: on their device, or by logging in. */
export type OwnersWay = "device" | "login";

/** A key that ends unless its owner does something. */
export type EndingKey = {
  readonly owner: AccountId;
  readonly address: EmailAddress;
  readonly fingerprint: Fingerprint;
  readonly endsAt: Date;
  readonly way: OwnersWay;
  /** The owner's own, if they have one. */
  readonly language: Language | undefined;
};

/** Owners are warned this many days before expiry, latest warning first. */
const WARN_DAYS = [3, 14, 30] as const;

/** How long before the end the first warning comes. */
export const WARN_BEFORE_MS = Math.max(...WARN_DAYS) * DAY;

const PAGE = 500;

/** The active certificates that end within a time from now, those that end first before the others. */
export async function* keysThatEnd(
  { store, clock }: Pick<VaultDeps, "store" | "clock">,
  withinMs: number,
): AsyncGenerator<PublishedCertificate> {
  const now = clock.now();
  let last: PublishedCertificate | undefined;
  for (;;) {
    const page = await listExpiring(store, now, after(now, withinMs), { limit: PAGE, after: last });
    yield* page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}

/**
 * Tells the owner of a key that only they can extend, once for each of the days: `tell` is called inside the transaction
 * that writes so to the audit log, and what it does comes about if and only if that does. A day that nobody looked at is
 * not made up for when a later one has come.
 */
export async function warnOfEnd(
  deps: VaultDeps,
  published: PublishedCertificate,
  tell: (tx: Store, ending: EndingKey) => Promise<void>,
): Promise<void> {
  const { store, clock } = deps;
  const { address, fingerprint, expiresAt } = published;
  const now = clock.now();
  const days = WARN_DAYS.find(
    (one) => expiresAt !== undefined && expiresAt <= after(now, one * DAY),
  );
  if (expiresAt === undefined || expiresAt <= now || days === undefined) return;
  const owner = await findOwner(store, address);
  if (owner === undefined) return;
  const account = (await readAccount(store, owner))?.account;
  if (account === undefined || account.closedAt !== undefined) return;
  // With its end: an owner who extends the key is warned of the next end as well.
  const detail = { fingerprint, until: expiresAt.toISOString(), days };
  const entry = { at: now, action: "key.ending", account: owner, detail };
  if (await isAudited(store, entry)) return;
  await changeKeys(store, owner, async (tx) => {
    // Extended, replaced or revoked since it was listed.
    const current = await findPublished(tx, address);
    const isSame = current?.fingerprint === fingerprint;
    if (!isSame || current.expiresAt?.getTime() !== expiresAt.getTime()) return;
    const inTransaction = { store: tx, clock, serviceKeys: deps.serviceKeys };
    const way = await ownersWay(inTransaction, owner, published);
    if (way === undefined || !(await appendAuditOnce(tx, entry))) return;
    const { language } = account;
    await tell(tx, { owner, address, fingerprint, endsAt: expiresAt, way, language });
  });
}

/** None where the service key opens the key: the gateway extends that key. */
async function ownersWay(
  deps: VaultDeps,
  owner: AccountId,
  { address }: PublishedCertificate,
): Promise<OwnersWay | undefined> {
  const here = await addressesKeptHere(deps.store, owner);
  if (!here.some((one) => sameAddress(one, address))) return "device";
  using masterKey = await openWithService(deps, owner);
  return masterKey === undefined ? "login" : undefined;
}
