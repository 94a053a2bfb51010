/**
 * The users' secret keys at rest. Each is wrapped under its user's master key (32 random bytes), and that one lies in
 * slots: under the password, a recovery code, for custody `provider-usable` the service key, and where the organisation
 * wants it its escrow certificate. A password change so rewrites one slot and touches no key. Every wrapping is bound to
 * its user, its row and its purpose: rows that were swapped, edited or moved do not open.
 *
 * What happens in the life of a key is a file each: `create`, `rotate`, `revoke`, `upkeep` (expiry), `bring` (import),
 * `renew` (another master key), `password`, `former` (a password remembered later), `end` (closed or erased accounts),
 * `rewrap` (another service key). Each is one transaction that also writes what is published and the audit row.
 */
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { selectGenericRevocation } from "../store/keys/generic-revocations.ts";
import type { Store } from "../store/store.ts";
import { openWithPassword, openWithService } from "./master-key.ts";
import { openKeys } from "./open-keys.ts";
import { certificateIn, isExpired } from "../keys/publication.ts";
import { recordRelease } from "../keys/releases.ts";
import type { AccountId } from "../words/account.ts";
import type { TypedPassword } from "./typed-password.ts";
import type { UnlockedKeys } from "./unlocked-keys.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrapRevocation } from "./wrapped-rows.ts";

export { createKeys } from "../keys/create.ts";
export { UnlockedKeys } from "./unlocked-keys.ts";
export type { KeyRules, VaultDeps } from "./vault-deps.ts";

/** Opens a user's keys with their password; undefined when it opens no slot or they have no keys here. */
export async function unlockWithPassword(
  deps: VaultDeps,
  owner: AccountId,
  password: Secret | TypedPassword,
): Promise<UnlockedKeys | undefined> {
  using masterKey = await openWithPassword(deps, owner, password);
  return masterKey === undefined ? undefined : await openKeys(deps, masterKey);
}

/** Opens a user's keys without them; undefined unless their custody is `provider-usable`. */
export async function unlockWithService(
  deps: VaultDeps,
  owner: AccountId,
): Promise<UnlockedKeys | undefined> {
  using masterKey = await openWithService(deps, owner);
  return masterKey === undefined ? undefined : await openKeys(deps, masterKey);
}

/** The certificate that is published for an address and has not expired. */
export async function activeCertificate(
  deps: Pick<VaultDeps, "store" | "clock">,
  address: EmailAddress,
): Promise<Certificate | undefined> {
  const published = await findPublished(deps.store, address);
  if (published === undefined || isExpired(published, deps.clock.now())) return undefined;
  return certificateIn(published);
}

type Releasing = { readonly store?: Store; readonly isOwnAct?: boolean };

/**
 * Releases the generic revocation of a key, with an audit row: applied and published it ends the key for good. In the
 * caller's transaction, if given its store; `isOwnAct` where users opened their keys themselves.
 * @throws AppError when there is none or its row was altered, and when releases are stopped (`releases.ts`).
 */
export async function releaseGenericRevocation(
  deps: VaultDeps,
  owner: AccountId,
  fingerprint: Fingerprint,
  { store = deps.store, isOwnAct = false }: Releasing = {},
): Promise<Uint8Array> {
  const row = await selectGenericRevocation(store, fingerprint);
  using revocation =
    row !== undefined && row.owner === owner ? unwrapRevocation(deps.serviceKeys, row) : undefined;
  if (revocation === undefined) {
    throw new AppError("there is no generic revocation of this key that can be trusted", {
      temporary: false,
    });
  }
  const release = { account: owner, fingerprint, by: "generic", isOwnAct } as const;
  await store.transaction(async (tx) => recordRelease(deps, tx, release));
  return Uint8Array.from(revocation.reveal());
}
