/**
 * The users' secret keys at rest. Each is wrapped under its user's master key (32 random bytes), and that one lies in
 * slots: under the password and, for custody `provider-usable`, under the service key. A password
 * change so rewrites one slot and touches no key. Every wrapping is bound to its user, its row and its purpose: rows
 * that were swapped, edited or moved do not open.
 */
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { parseCertificates, type Certificate } from "../openpgp/certificate.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/secret-key.ts";
import { findPublished, type PublishedCertificate } from "../store/certificates.ts";
import {
  findMasterKey,
  selectGenericRevocation,
  selectSecretKeys,
  selectSlots,
  type SecretKeyRow,
} from "../store/vault.ts";
import { openPasswordSlot, openServiceSlot } from "./slots.ts";
import { UnlockedKeys } from "./unlocked-keys.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrapRevocation, unwrapSecretKey } from "./wrapped-rows.ts";

export { createKeys } from "./create.ts";
export { UnlockedKeys } from "./unlocked-keys.ts";
export type { VaultDeps } from "./vault-deps.ts";

/** Opens a user's keys with his password; undefined when it opens no slot or he has no keys here. */
export async function unlockWithPassword(
  deps: VaultDeps,
  address: EmailAddress,
  password: Secret,
): Promise<UnlockedKeys | undefined> {
  const masterKeyId = await findMasterKey(deps.store, address);
  if (masterKeyId === undefined) return undefined;
  const who = { owner: address, serviceKey: deps.serviceKey };
  for (const slot of await selectSlots(deps.store, masterKeyId, "password")) {
    using masterKey = await openPasswordSlot(who, slot, password);
    if (masterKey !== undefined) return await openKeys(deps, address, masterKeyId, masterKey);
  }
  return undefined;
}

/** Opens a user's keys without him; undefined unless his custody is `provider-usable`. */
export async function unlockWithService(
  deps: VaultDeps,
  address: EmailAddress,
): Promise<UnlockedKeys | undefined> {
  const masterKeyId = await findMasterKey(deps.store, address);
  if (masterKeyId === undefined) return undefined;
  const who = { owner: address, serviceKey: deps.serviceKey };
  for (const slot of await selectSlots(deps.store, masterKeyId, "service")) {
    using masterKey = openServiceSlot(who, slot);
    if (masterKey !== undefined) return await openKeys(deps, address, masterKeyId, masterKey);
  }
  return undefined;
}

/** The certificate that is published for an address and has not expired. */
export async function activeCertificate(
  deps: Pick<VaultDeps, "store" | "clock">,
  address: EmailAddress,
): Promise<Certificate | undefined> {
  const published = await findPublished(deps.store, address);
  if (published === undefined || isExpired(published, deps.clock.now())) return undefined;
  const parsed = await parseCertificates(published.bytes);
  return parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
}

/**
 * Releases the generic revocation of a key, with an audit row: applied and published it ends the key for good.
 * @throws AppError when there is none or its row was altered.
 */
export async function releaseGenericRevocation(
  deps: VaultDeps,
  address: EmailAddress,
  fingerprint: Fingerprint,
): Promise<Uint8Array> {
  const row = await selectGenericRevocation(deps.store, fingerprint);
  using revocation =
    row?.owner === canonicalAddress(address) ? unwrapRevocation(deps.serviceKey, row) : undefined;
  if (revocation === undefined) {
    throw new AppError("there is no generic revocation of this key that can be trusted", {
      temporary: false,
    });
  }
  await appendAudit(deps.store, {
    at: deps.clock.now(),
    action: "revocation.released",
    account: address,
    detail: { fingerprint },
  });
  return Uint8Array.from(revocation.reveal());
}

async function openKeys(
  deps: VaultDeps,
  owner: EmailAddress,
  masterKeyId: string,
  masterKey: Secret,
): Promise<UnlockedKeys> {
  const rows = await selectSecretKeys(deps.store, masterKeyId);
  const opened = await Promise.all(rows.map(async (row) => openKey(owner, masterKey, row)));
  const keys = opened.filter((key) => key !== undefined);
  const refused = rows.map((row) => row.fingerprint).filter((_row, at) => opened[at] === undefined);
  for (const fingerprint of refused) {
    await appendAudit(deps.store, {
      at: deps.clock.now(),
      action: "key.refused",
      account: owner,
      detail: { fingerprint, why: "its row is not as it was written" },
    });
  }
  const published = await findPublished(deps.store, owner);
  const isUsable = published !== undefined && !isExpired(published, deps.clock.now());
  return new UnlockedKeys(keys, isUsable ? published.fingerprint : undefined, refused);
}

async function openKey(
  owner: EmailAddress,
  masterKey: Secret,
  row: SecretKeyRow,
): Promise<UnlockedKey | undefined> {
  using raw = unwrapSecretKey(masterKey, row, owner);
  if (raw === undefined) return undefined;
  const unlocked = await readSecretKey(raw);
  if (unlocked.fingerprint === row.fingerprint) return unlocked;
  unlocked[Symbol.dispose]();
  return undefined;
}

function isExpired(published: PublishedCertificate, now: Date): boolean {
  return published.expiresAt !== undefined && published.expiresAt <= now;
}
