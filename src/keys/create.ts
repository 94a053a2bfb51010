import { randomBytes, randomUUID } from "node:crypto";

import { AppError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { acceptForEncryption } from "../openpgp/acceptance.ts";
import type { Certificate } from "../openpgp/certificate.ts";
import { generateKey } from "../openpgp/generate.ts";
import type { KeyProfile } from "../openpgp/profile.ts";
import type { Custody } from "../store/accounts.ts";
import { publish, type PublishedCertificate } from "../store/certificates.ts";
import {
  insertGenericRevocation,
  insertMasterKey,
  insertSecretKey,
  insertSlot,
  type GenericRevocationRow,
  type SecretKeyRow,
  type SlotRow,
} from "../store/vault.ts";
import type { Store } from "../store/store.ts";
import { passwordSlot, serviceSlot } from "./slots.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { wrapRevocation, wrapSecretKey } from "./wrapped-rows.ts";

/** Whose first key is to be made, and how. */
export type NewKeys = {
  readonly address: EmailAddress;
  readonly custody: Custody;
  readonly password: Secret;
  readonly profile: KeyProfile;
};

/** A first key, wrapped and ready for its rows; nothing in it is secret. */
export type PreparedKeys = {
  readonly certificate: Certificate;
  readonly owner: EmailAddress;
  readonly createdAt: Date;
  readonly custody: Custody;
  readonly masterKeyId: string;
  readonly slots: readonly SlotRow[];
  readonly secretKey: SecretKeyRow;
  readonly revocation: GenericRevocationRow;
  readonly published: PublishedCertificate;
};

const MASTER_KEY_BYTES = 32;

/**
 * Makes the first key of an account: master key and slots, key pair, kept generic revocation, publication and audit row,
 * all in one transaction.
 * @throws AppError when the account has keys already, or its custody is `user-device-only`.
 */
export async function createKeys(deps: VaultDeps, wanted: NewKeys): Promise<Certificate> {
  const prepared = await prepareKeys(deps, wanted);
  await saveKeys(deps.store, prepared);
  return prepared.certificate;
}

/** All that takes time and no database: to be done before a transaction begins. */
export async function prepareKeys(
  deps: Omit<VaultDeps, "store">,
  wanted: NewKeys,
): Promise<PreparedKeys> {
  if (wanted.custody === "user-device-only") {
    throw new AppError("this user's key is made on his own device", { temporary: false });
  }
  const { address, custody, password, profile } = wanted;
  const createdAt = deps.clock.now();
  const { certificate, secretKey, genericRevocation } = await generateKey({
    address,
    profile,
    now: createdAt,
  });
  using raw = secretKey;
  const { fingerprint } = certificate;
  using secret = new Secret(randomBytes(MASTER_KEY_BYTES));
  const masterKey = { id: randomUUID(), secret };
  const who = { owner: address, serviceKey: deps.serviceKey };
  const revocation = wrapRevocation(deps.serviceKey, address, fingerprint, genericRevocation);
  genericRevocation.fill(0);
  return {
    certificate,
    owner: address,
    createdAt,
    custody,
    masterKeyId: masterKey.id,
    slots: [
      await passwordSlot(who, masterKey, password, createdAt),
      ...(custody === "provider-usable" ? [serviceSlot(who, masterKey, createdAt)] : []),
    ],
    secretKey: wrapSecretKey(
      raw,
      masterKey,
      { fingerprint, address: canonicalAddress(address), createdAt },
      address,
    ),
    revocation: { fingerprint, ...revocation, createdAt },
    published: await publication(certificate, address, createdAt),
  };
}

/** Writes what was prepared, all or nothing. @throws AppError when the account has keys already. */
export async function saveKeys(store: Store, prepared: PreparedKeys): Promise<void> {
  const { owner, createdAt, certificate } = prepared;
  await store.transaction(async (tx) => {
    await insertMasterKey(tx, { id: prepared.masterKeyId, owner, createdAt });
    for (const slot of prepared.slots) await insertSlot(tx, slot);
    await insertSecretKey(tx, prepared.secretKey);
    await insertGenericRevocation(tx, prepared.revocation);
    await publish(tx, prepared.published, certificate.subkeyFingerprints);
    await appendAudit(tx, {
      at: createdAt,
      action: "key.created",
      account: owner,
      detail: { fingerprint: certificate.fingerprint, custody: prepared.custody },
    });
  });
}

/** Our own certificate has to pass the test that others put it to. */
async function publication(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<PublishedCertificate> {
  const accepted = await acceptForEncryption(certificate, address, now);
  if (accepted.kind === "unusable") {
    throw new AppError(`a new certificate is not acceptable: ${accepted.reason}`, {
      temporary: false,
    });
  }
  const { fingerprint, version, bytes, created } = certificate;
  return {
    fingerprint,
    version,
    state: "active",
    bytes,
    createdAt: created,
    ...(accepted.expires === undefined ? {} : { expiresAt: accepted.expires }),
    address,
  };
}
