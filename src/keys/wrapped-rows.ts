import type { Secret } from "../base/secret.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import type { GenericRevocationRow, SecretKeyRow } from "../store/vault.ts";
import { serviceKeyFor } from "./service-key.ts";
import { deriveKey, unwrap, wrap } from "./wrap.ts";

const SECRET_KEY_VERSION = 1;
const REVOCATION_VERSION = 1;

/** Wraps a secret key for its row; `owner` is the user whose master key it is, `address` the key's own. */
export function wrapSecretKey(
  secretKey: Secret,
  masterKey: { readonly id: string; readonly secret: Secret },
  row: Omit<SecretKeyRow, "wrapped" | "masterKey" | "version">,
  owner: EmailAddress,
): SecretKeyRow {
  const bound = { ...row, masterKey: masterKey.id, version: SECRET_KEY_VERSION };
  using key = deriveKey(masterKey.secret, `secret-key|${row.fingerprint}`);
  return { ...bound, wrapped: wrap(key, secretKey.reveal(), secretKeyContext(owner, bound)) };
}

/** The raw secret key of a row, or undefined when the row is not as it was written. */
export function unwrapSecretKey(
  masterKey: Secret,
  row: SecretKeyRow,
  owner: EmailAddress,
): Secret | undefined {
  using key = deriveKey(masterKey, `secret-key|${row.fingerprint}`);
  return unwrap(key, row.wrapped, secretKeyContext(owner, row));
}

/** Wraps a generic revocation: it can end a key, so it has a purpose of its own under the service key. */
export function wrapRevocation(
  serviceKey: Secret,
  owner: EmailAddress,
  fingerprint: Fingerprint,
  revocation: Uint8Array,
): { readonly owner: string; readonly version: number; readonly wrapped: Uint8Array } {
  using key = serviceKeyFor(serviceKey, "revocations");
  const bound = { owner: canonicalAddress(owner), fingerprint, version: REVOCATION_VERSION };
  return {
    owner: bound.owner,
    version: bound.version,
    wrapped: wrap(key, revocation, revocationContext(bound)),
  };
}

/** The revocation of a row, or undefined when the row is not as it was written. */
export function unwrapRevocation(
  serviceKey: Secret,
  row: GenericRevocationRow,
): Secret | undefined {
  using key = serviceKeyFor(serviceKey, "revocations");
  return unwrap(key, row.wrapped, revocationContext(row));
}

function secretKeyContext(
  owner: EmailAddress,
  row: Pick<SecretKeyRow, "masterKey" | "address" | "fingerprint" | "version">,
): readonly string[] {
  const { masterKey, address, fingerprint, version } = row;
  const user = canonicalAddress(owner);
  return ["secret-key", user, masterKey, address, fingerprint, String(version)];
}

function revocationContext(row: {
  readonly owner: string;
  readonly fingerprint: Fingerprint;
  readonly version: number;
}): readonly string[] {
  return ["generic-revocation", row.owner, row.fingerprint, String(row.version)];
}
