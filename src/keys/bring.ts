/** Keys that users bring along instead of those made here. */
import { AppError } from "../base/errors.ts";
import { appendAudit } from "../journal/audit.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificate.ts";
import { applyRevocation } from "../openpgp/revocation.ts";
import { updateAccount } from "../store/accounts.ts";
import { findPublished, listPublished, publish } from "../store/certificates.ts";
import { saveGenericRevocation } from "../store/generic-revocations.ts";
import { canonicalAddress } from "../mail/address.ts";
import { changeKeys, requireCurrent } from "./change.ts";
import type { MasterKey } from "./master-key.ts";
import { wrapKey, type RawKey } from "./new-key.ts";
import { publicationOf } from "./publication.ts";
import { replaceKey } from "./rotate.ts";
import { endKey } from "./end-key.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { wrapRevocation } from "./wrapped-rows.ts";

/**
 * Makes a key that its owner brought the active one of an address; the one before is superseded. Takes the key over.
 * @throws AppError when the key was here before.
 */
export async function bringSecretKey(
  deps: VaultDeps,
  masterKey: MasterKey,
  address: EmailAddress,
  raw: RawKey,
): Promise<void> {
  const { fingerprint } = raw.certificate;
  const key = await wrapKey(deps, masterKey, address, raw);
  await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    const before = await listPublished(tx, address);
    if (before.some((one) => one.fingerprint === fingerprint)) {
      throw new AppError("this key is or was the account's already", { temporary: false });
    }
    await replaceKey(deps, tx, masterKey, { address, reason: "superseded", text: "own key" }, key);
    const detail = { fingerprint };
    const at = deps.clock.now();
    await appendAudit(tx, { at, action: "key.imported", account: masterKey.owner, detail });
  });
}

/** A certificate whose secret key stays on its owner's device. */
export type BroughtCertificate = {
  readonly owner: EmailAddress;
  readonly address: EmailAddress;
  readonly certificate: Certificate;
  /** A revocation that its owner made, to be kept for when he cannot; without it only he can revoke. */
  readonly revocation: Uint8Array | undefined;
  /** When the account's keys are open, the key before is revoked afresh. */
  readonly masterKey: MasterKey | undefined;
};

/**
 * Publishes a certificate whose owner proved that he has the secret key: from then on sealed mail is delivered as it
 * comes, and nothing is signed or sealed here for this user.
 * @throws AppError when the revocation is not of this key.
 */
export async function bringCertificate(
  deps: VaultDeps,
  brought: BroughtCertificate,
): Promise<void> {
  const { owner, address, certificate, revocation, masterKey } = brought;
  if (revocation !== undefined && (await applyRevocation(certificate, revocation)) === undefined) {
    throw new AppError("this revocation is not of this key", { temporary: false });
  }
  const now = deps.clock.now();
  const { fingerprint } = certificate;
  const published = await publicationOf(certificate, address, now);
  const kept =
    revocation === undefined
      ? { owner: canonicalAddress(owner), fingerprint, version: 1, serviceKey: "" }
      : wrapRevocation(deps.serviceKeys, owner, fingerprint, revocation);
  await changeKeys(deps.store, owner, async (tx) => {
    if ((await findPublished(tx, address))?.fingerprint === fingerprint) return;
    await endKey(deps, tx, { owner, address, masterKey, reason: "superseded", text: "own key" });
    const wrapped = "wrapped" in kept ? kept.wrapped : new Uint8Array();
    await saveGenericRevocation(tx, { ...kept, wrapped, createdAt: now });
    await publish(tx, published, certificate.subkeyFingerprints);
    await updateAccount(tx, owner, { custody: "user-device-only" });
    const detail = { fingerprint, custody: "user-device-only" };
    await appendAudit(tx, { at: now, action: "certificate.imported", account: owner, detail });
  });
}
