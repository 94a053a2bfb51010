import type { Secret } from "../base/secret.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { KeyProfile } from "../openpgp/certificates/profile.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import type { PublishedCertificate } from "../store/keys/certificates.ts";
import {
  saveGenericRevocation,
  type GenericRevocationRow,
} from "../store/keys/generic-revocations.ts";
import { publish } from "../store/keys/publish.ts";
import { saveSecretKey, type KeyPurpose, type SecretKeyRow } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { wrapRevocation, wrapSecretKey } from "../vault/wrapped-rows.ts";
import { publicationOf } from "./publication.ts";

/** A key with its secrets, before it is wrapped. `certificate` is what is published of it. */
export type RawKey = {
  readonly secretKey: Secret;
  readonly certificate: Certificate;
  readonly genericRevocation: Uint8Array;
};

/** A key that is wrapped and ready for its rows; nothing in it is secret. */
export type NewKey = {
  readonly certificate: Certificate;
  readonly secretKey: SecretKeyRow;
  readonly revocation: GenericRevocationRow;
  readonly published: PublishedCertificate;
};

type Deps = Pick<VaultDeps, "clock" | "serviceKeys">;

/** Makes a key for one of the user's addresses. Takes no database: to be done before a transaction begins. */
export async function makeKey(
  deps: Deps,
  masterKey: MasterKey,
  wanted: {
    readonly address: EmailAddress;
    readonly profile: KeyProfile;
    readonly purpose?: KeyPurpose;
  },
): Promise<NewKey> {
  const { address, profile, purpose } = wanted;
  const raw = await generateKey({ address, profile, now: deps.clock.now() });
  return wrapKey(deps, masterKey, address, raw, purpose);
}

/** Wraps a key that was made or brought; its secrets are wiped. */
export async function wrapKey(
  deps: Deps,
  masterKey: MasterKey,
  address: EmailAddress,
  raw: RawKey,
  purpose: KeyPurpose = "sealing",
): Promise<NewKey> {
  const { certificate, genericRevocation } = raw;
  using secretKey = raw.secretKey;
  const now = deps.clock.now();
  const { fingerprint } = certificate;
  const { owner } = masterKey;
  const row = { fingerprint, address: canonicalAddress(address), createdAt: now, purpose };
  const revocation = wrapRevocation(deps.serviceKeys, owner, fingerprint, genericRevocation);
  genericRevocation.fill(0);
  return {
    certificate,
    secretKey: wrapSecretKey(secretKey, masterKey, row, owner),
    revocation: { ...revocation, createdAt: now },
    published: await publicationOf(certificate, address, now),
  };
}

/** Writes a key and publishes it; in the caller's transaction. No other key of the address may be active. */
export async function savePublishedKey(store: Store, key: NewKey): Promise<void> {
  await saveSecretKey(store, key.secretKey);
  await saveGenericRevocation(store, key.revocation);
  await publish(store, key.published, key.certificate.subkeyFingerprints);
}
