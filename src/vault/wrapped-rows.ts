import type { Secret } from "../base/secret.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import type { GenericRevocationRow } from "../store/keys/generic-revocations.ts";
import type { SecretKeyRow } from "../store/keys/vault.ts";
import type { AccountId } from "../words/account.ts";
import type { ServiceKey, ServiceKeys } from "./service-key.ts";
import { deriveKey, unwrap, wrap } from "./wrap.ts";

const SECRET_KEY_VERSION = 1;
const REVOCATION_VERSION = 1;

/** Wraps a secret key for its row; `owner` is the user whose master key it is, `address` the key's own. */
export function wrapSecretKey(
  secretKey: Secret,
  masterKey: { readonly id: string; readonly secret: Secret },
  row: Omit<SecretKeyRow, "wrapped" | "masterKey" | "version">,
  owner: AccountId,
): SecretKeyRow {
  const bound = { ...row, masterKey: masterKey.id, version: SECRET_KEY_VERSION };
  using key = deriveKey(masterKey.secret, `secret-key|${row.fingerprint}`);
  return { ...bound, wrapped: wrap(key, secretKey.reveal(), secretKeyContext(owner, bound)) };
}

/** The raw secret key of a row, or undefined when the row is not as it was written. */
export function unwrapSecretKey(
  masterKey: Secret,
  row: SecretKeyRow,
  owner: AccountId,
): Secret | undefined {
  using key = deriveKey(masterKey, `secret-key|${row.fingerprint}`);
  return unwrap(key, row.wrapped, secretKeyContext(owner, row));
}

/** Wraps a generic revocation: it can end a key, so it has a purpose of its own under the service key. */
export function wrapRevocation(
  serviceKeys: ServiceKeys,
  owner: AccountId,
  fingerprint: Fingerprint,
  revocation: Uint8Array,
): Omit<GenericRevocationRow, "createdAt"> {
  const serviceKey = serviceKeys.current;
  using key = serviceKey.for("revocations");
  const bound = { owner, fingerprint, version: REVOCATION_VERSION };
  const wrapped = wrap(key, revocation, revocationContext(bound));
  return { ...bound, wrapped, serviceKey: serviceKey.id };
}

/** The revocation of a row, or undefined when the row is not as it was written or holds none. */
export function unwrapRevocation(
  serviceKeys: ServiceKeys,
  row: GenericRevocationRow,
): Secret | undefined {
  const serviceKey = serviceKeys.named(row.serviceKey);
  return serviceKey && unwrapUnder(serviceKey, row);
}

/** Whether this service key opens the revocation of a row, whichever key the row names. */
export function opensRevocation(serviceKey: ServiceKey, row: GenericRevocationRow): boolean {
  using revocation = unwrapUnder(serviceKey, row);
  return revocation !== undefined;
}

function unwrapUnder(serviceKey: ServiceKey, row: GenericRevocationRow): Secret | undefined {
  using key = serviceKey.for("revocations");
  return unwrap(key, row.wrapped, revocationContext(row));
}

function secretKeyContext(
  owner: AccountId,
  row: Pick<SecretKeyRow, "masterKey" | "address" | "fingerprint" | "version" | "purpose">,
): readonly string[] {
  const { masterKey, address, fingerprint, version, purpose } = row;
  const bound = [masterKey, address, fingerprint, String(version)];
  return [`secret-key ${purpose}`, owner, ...bound];
}

function revocationContext(row: {
  readonly owner: AccountId | undefined;
  readonly fingerprint: Fingerprint;
  readonly version: number;
}): readonly string[] {
  return ["generic-revocation", row.owner ?? "", row.fingerprint, String(row.version)];
}
