/** Keys that users bring along instead of those made here. */
import { appendAudit } from "../journal/journal.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { whichRevoked } from "../openpgp/certificates/which-revoked.ts";
import { applyRevocation } from "../openpgp/keys/revocation.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import { findPublished, listPublished } from "../store/keys/certificates.ts";
import {
  saveGenericRevocation,
  selectGenericRevocation,
  type GenericRevocationRow,
} from "../store/keys/generic-revocations.ts";
import { erasePublished, publish } from "../store/keys/publish.ts";
import { findMasterKey } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { wrapRevocation } from "../vault/wrapped-rows.ts";
import type { AccountId } from "../words/account.ts";
import { restoreCustody, opensWithService } from "./custody-of-slots.ts";
import {
  addressesKeptHere,
  changeKeys,
  isOwn,
  requireCurrent,
  type AccountRefusal,
  type AddressNotOwn,
} from "./keys.ts";
import { wrapKey, type RawKey } from "./new-key.ts";
import { publicationIfUsable, type Publication } from "./publication.ts";
import { endKey, type Ended } from "./revoke-active.ts";
import { replaceKey } from "./rotate.ts";
import { refuse } from "./unless-refused.ts";

/** A key was taken over; `ended`: the key before, if there was one. */
export type Imported = { readonly kind: "imported"; readonly ended: Ended | undefined };

/** What came of bringing a secret key. */
export type SecretKeyImport =
  | Imported
  /** This key is or was the account's already. */
  | { readonly kind: "key-known" }
  | AddressNotOwn
  | AccountRefusal;

/** What came of bringing a certificate. */
export type CertificateImport =
  | Imported
  /** The revocation that came with it is not of this key. */
  | { readonly kind: "revocation-of-other-key" }
  /** The secret key of the same certificate is kept here. */
  | { readonly kind: "key-kept-here" }
  /** The address is an alias of an account whose own key is kept here. */
  | { readonly kind: "own-address-first" }
  /** Without the parts that were revoked before, others would not take the certificate. */
  | Extract<Publication, { readonly kind: "unusable-certificate" }>
  | AddressNotOwn
  | AccountRefusal;

/** Makes a key that its owner brought the active one of an address; the one before is superseded. Takes the key over. */
export async function importKey(
  deps: VaultDeps,
  masterKey: MasterKey,
  address: EmailAddress,
  raw: RawKey,
): Promise<SecretKeyImport> {
  const { fingerprint } = raw.certificate;
  const key = await wrapKey(deps, masterKey, address, raw);
  type Refusal = Exclude<SecretKeyImport, Imported | AccountRefusal>;
  return await changeKeys<Imported, Refusal>(deps.store, masterKey.owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    if (!(await isOwn(tx, masterKey.owner, address))) return refuse({ kind: "address-not-own" });
    const before = await listPublished(tx, address);
    if (before.some((one) => one.fingerprint === fingerprint)) {
      return refuse({ kind: "key-known" });
    }
    const { owner } = masterKey;
    const rotation = { owner, address, reason: "superseded", text: "own key" } as const;
    const ended = await replaceKey(deps, tx, masterKey, rotation, key);
    await restoreCustody(tx, masterKey, address);
    const detail = { fingerprint };
    const at = deps.clock.now();
    await appendAudit(tx, { at, action: "key.imported", account: masterKey.owner, detail });
    return { kind: "imported", ended };
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
 * its owner gives it a longer life or other subkeys.
 */
export async function publishOwnCertificate(
  deps: VaultDeps,
  brought: BroughtCertificate,
): Promise<CertificateImport> {
  const { owner, address, certificate, revocation, masterKey } = brought;
  if (revocation !== undefined && (await applyRevocation(certificate, revocation)) === undefined) {
    return { kind: "revocation-of-other-key" };
  }
  const now = deps.clock.now();
  const { fingerprint } = certificate;
  const given =
    revocation === undefined
      ? undefined
      : wrapRevocation(deps.serviceKeys, owner, fingerprint, revocation);
  type Refusal = Exclude<CertificateImport, Imported | AccountRefusal>;
  return await changeKeys<Imported, Refusal>(deps.store, owner, async (tx) => {
    const refusal = await whyNotOnDevice(tx, owner, address);
    if (refusal !== undefined) return refuse(refusal);
    const same = await takeSame(tx, brought);
    if (same === "kept-here") return refuse({ kind: "key-kept-here" });
    const { kept, merged } = same;
    const publication = await publicationIfUsable(merged, address, now);
    if (publication.kind !== "publishable") return refuse(publication);
    const { published } = publication;
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
    return { kind: "imported", ended };
  });
}

/** Only the owner of the key has its revocation. */
const OWN_REVOCATION = { version: 1, wrapped: new Uint8Array(), serviceKey: "" } as const;

/** Custody is an account's: while its own key is kept here, so are those of its aliases. */
async function whyNotOnDevice(
  tx: Store,
  owner: AccountId,
  address: EmailAddress,
): Promise<AddressNotOwn | { readonly kind: "own-address-first" } | undefined> {
  if (!(await isOwn(tx, owner, address))) return { kind: "address-not-own" };
  const account = (await readAccount(tx, owner))?.account;
  if (account?.custody === "user-device-only") return undefined;
  if (account !== undefined && sameAddress(account.address, address)) return undefined;
  return { kind: "own-address-first" };
}

/**
 * Takes away what is published of the same key, if it is; gives the revocation that is kept of it, and the certificate
 * with the revocations of its parts that were published: they are for ever. Nothing is taken away where the secret key is
 * kept here.
 */
async function takeSame(
  tx: Store,
  { owner, address, certificate }: BroughtCertificate,
): Promise<
  { readonly kept?: GenericRevocationRow | undefined; readonly merged: Certificate } | "kept-here"
> {
  const { fingerprint } = certificate;
  const published = await findPublished(tx, address);
  if (published?.fingerprint !== fingerprint) return { merged: certificate };
  if ((await addressesKeptHere(tx, owner)).some((one) => sameAddress(one, address))) {
    return "kept-here";
  }
  const kept = await selectGenericRevocation(tx, fingerprint);
  await erasePublished(tx, [fingerprint]);
  const revoked = await whichRevoked([certificate], published.bytes);
  return { kept, merged: revoked?.certificate ?? certificate };
}
