/**
 * The vault: what opens what. A user's secret keys are stored wrapped, never in clear.
 *
 *     password ──Argon2id──► wrapping key ┐
 *     recovery code ──────────────────────┤  slots        master key        secret keys
 *     service key (provider-usable) ──────┼─────────► 32 random octets ───► generic revocations
 *     escrow certificate ─────────────────┘                                 mailbox key
 *
 * Each user has a master key. Each slot holds that master key, wrapped under one thing that can open it (`slots.ts`). A
 * password change therefore rewrites one slot and touches no key. Custody says which slots there are:
 * `unlocks-at-login` has the password and the recovery code, `provider-usable` also has the service key.
 *
 * Every wrapping is AES-256-GCM (`wrap.ts`). It authenticates its owner, its row and its purpose: a row that was swapped,
 * edited or moved does not open. The account's last audit entry names the slots that count (`binding.ts`): a slot that was
 * written back into the database opens nothing either (`generation.ts`).
 *
 * The service key is a file on the host (`service-key.ts`). It wraps what opens without a user: verifiers of passwords,
 * waiting mail, generic revocations. `rewrap.ts` moves everything to a new service key. Opened keys are `Secret`s
 * (`unlocked-keys.ts`): they are wiped when their scope ends, and those that the service opens half a minute after their last
 * message (`service-opened-keys.ts`). What happens to keys is in `keys/`.
 */
import type { Secret } from "../base/secret.ts";
import { type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { findPublished } from "../store/keys/certificates.ts";
import type { AccountId } from "../words/account.ts";
import { openWithPassword, openWithService } from "./master-key.ts";
import { openKeys } from "./open-keys.ts";
import { certificateIn, isExpired } from "./published-certificate.ts";
import type { TypedPassword } from "./typed-password.ts";
import type { UnlockedKeys } from "./unlocked-keys.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** Opens a user's keys with their password; undefined when it opens no slot or they have no keys here. */
export async function unlockWithPassword(
  deps: VaultDeps,
  owner: AccountId,
  password: Secret | TypedPassword,
): Promise<UnlockedKeys | undefined> {
  using masterKey = await openWithPassword(deps, owner, password);
  return masterKey === undefined ? undefined : await openKeys(deps, masterKey);
}

/** Opens a user's keys without them; undefined unless their custody lets the service key do so. */
export async function unlockWithService(
  deps: VaultDeps,
  owner: AccountId,
): Promise<UnlockedKeys | undefined> {
  using masterKey = await openWithService(deps, owner);
  return masterKey === undefined ? undefined : await openKeys(deps, masterKey);
}

/** The certificate that is published for an address, is not hidden, and has not expired. */
export async function activeCertificate(
  deps: Pick<VaultDeps, "store" | "clock">,
  address: EmailAddress,
): Promise<Certificate | undefined> {
  const published = await findPublished(deps.store, address);
  if (published === undefined || published.isHidden === true) return undefined;
  if (isExpired(published, deps.clock.now())) return undefined;
  return certificateIn(published);
}
