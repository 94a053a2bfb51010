/** Keys that users bring along instead of those made here. */
import { AppError } from "../base/errors.ts";
import { appendAudit } from "../journal/journal.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { applyRevocation } from "../openpgp/keys/revocation.ts";
import { whichRevoked } from "../openpgp/certificates/which-revoked.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import { findPublished, listPublished } from "../store/keys/certificates.ts";
import { erasePublished, publish } from "../store/keys/publish.ts";
import {
  saveGenericRevocation,
  selectGenericRevocation,
  type GenericRevocationRow,
} from "../store/keys/generic-revocations.ts";
import type { Store } from "../store/store.ts";
import { findMasterKey } from "../store/keys/vault.ts";
import { addressesKeptHere, changeKeys, requireCurrent, requireOwn } from "./keys.ts";
import { keepHereAgain, opensWithService } from "./custody-here.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { wrapKey, type RawKey } from "./new-key.ts";
import { publicationOf } from "./publication.ts";
import { replaceKey } from "./rotate.ts";
import { endKey, type Ended } from "./revoke-active.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { wrapRevocation } from "../vault/wrapped-rows.ts";
import type { AccountId } from "../words/account.ts";

/**
 * Makes a key that its owner brought the active one of an address; the one before is superseded. Takes the key over, and
 * says what ended.
 * @throws AppError when the key was here before.
 */
export async function bringSecretKey(
  deps: VaultDeps,
  masterKey: MasterKey,
  address: EmailAddress,
  raw: RawKey,
): Promise<Ended | undefined> {
  const { fingerprint } = raw.certificate;
  const key = await wrapKey(deps, masterKey, address, raw);
  return await changeKeys(deps.store, masterKey.owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    await requireOwn(tx, masterKey.owner, address);
    const before = await listPublished(tx, address);
    if (before.some((one) => one.fingerprint === fingerprint)) {
      throw new AppError("this key is or was the account's already", { temporary: false });
    }
    const { owner } = masterKey;
    const rotation = { owner, address, reason: "superseded", text: "own key" } as const;
    const ended = await replaceKey(deps, tx, masterKey, rotation, key);
    await keepHereAgain(tx, masterKey, address);
    const detail = { fingerprint };
    const at = deps.clock.now();
    await appendAudit(tx, { at, action: "key.imported", account: masterKey.owner, detail });
    return ended;
  });
}

/** A certificate whose secret key stays on its owner's device. */
export type BroughtCertificate = {
  readonly owner: AccountId;
  readonly address: EmailAddress;
  readonly certificate: Certificate;
  /** A revocation that its owner made, kept for when they cannot; without it only they can revoke. */
  readonly revocation: Uint8Array | undefined;
  /** When the account's keys are open, the key before is revoked afresh. */
  readonly masterKey: MasterKey | undefined;
};

/**
 * Publishes a certificate whose owner proved that they have the secret key: from then on sealed mail is delivered as it
 * comes, and nothing is signed or sealed here for this user. The same one again takes the place of what is published: so
 * its owner gives it a longer life or other subkeys. Says what ended.
 * @throws AppError when the revocation is not of this key, the key is kept here, or the address is an alias of an account
 *   whose own key is kept here.
 */
export async function bringCertificate(
  deps: VaultDeps,
  brought: BroughtCertificate,
): Promise<Ended | undefined> {
  const { owner, address, certificate, revocation, masterKey } = brought;
  if (revocation !== undefined && (await applyRevocation(certificate, revocation)) === undefined) {
    throw new AppError("this revocation is not of this key", { temporary: false });
  }
  const now = deps.clock.now();
  const { fingerprint } = certificate;
  const given =
    revocation === undefined
      ? undefined
      : wrapRevocation(deps.serviceKeys, owner, fingerprint, revocation);
  return await changeKeys(deps.store, owner, async (tx) => {
    await requireOwn(tx, owner, address);
    await requireOwnFirst(tx, owner, address);
    const { kept, merged } = await takeSame(tx, brought);
    const published = await publicationOf(merged, address, now);
    const wish = { owner, address, masterKey, text: "own key" };
    const ended = await endKey(deps, tx, { ...wish, reason: "superseded" });
    const none = { ...OWN_REVOCATION, owner, fingerprint };
    await saveGenericRevocation(tx, { ...(given ?? kept ?? none), createdAt: now });
    await publish(tx, published, certificate.subkeyFingerprints);
    const id = await findMasterKey(tx, owner);
    const isProviders = id !== undefined && (await opensWithService(tx, { id }));
    const custody = "user-device-only";
    await updateAccount(tx, owner, { custody, ...(isProviders ? { providerUntil: now } : {}) });
    const detail = { fingerprint, custody };
    await appendAudit(tx, { at: now, action: "certificate.imported", account: owner, detail });
    return ended;
  });
}

/** Only the owner of the key has its revocation. */
const OWN_REVOCATION = { version: 1, wrapped: new Uint8Array(), serviceKey: "" } as const;

/** Custody is an account's: while its own key is kept here, so are those of its aliases. */
async function requireOwnFirst(tx: Store, owner: AccountId, address: EmailAddress): Promise<void> {
  const account = (await readAccount(tx, owner))?.account;
  if (account?.custody === "user-device-only") return;
  if (account !== undefined && sameAddress(account.address, address)) return;
  throw new AppError("the key of the account's own address has to be the user's first", {
    temporary: false,
  });
}

/**
 * Takes away what is published of the same key, if it is; gives the revocation that is kept of it, and the certificate
 * with the revocations of its parts that were published: they are for ever.
 */
async function takeSame(
  tx: Store,
  { owner, address, certificate }: BroughtCertificate,
): Promise<{
  readonly kept?: GenericRevocationRow | undefined;
  readonly merged: Certificate;
}> {
  const { fingerprint } = certificate;
  const published = await findPublished(tx, address);
  if (published?.fingerprint !== fingerprint) return { merged: certificate };
  if ((await addressesKeptHere(tx, owner)).some((one) => sameAddress(one, address))) {
    throw new AppError("this key is kept here already", { temporary: false });
  }
  const kept = await selectGenericRevocation(tx, fingerprint);
  await erasePublished(tx, [fingerprint]);
  const revoked = await whichRevoked([certificate], published.bytes);
  return { kept, merged: revoked?.certificate ?? certificate };
}
