import { AppError } from "../base/errors.ts";
import type { EmailAddress } from "../mail/address.ts";
import {
  acceptForEncryption,
  revocationOf,
  type UnusableReason,
} from "../openpgp/certificates/acceptance.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { KeyState, PublishedCertificate } from "../store/keys/certificates.ts";

/** What is published of a certificate, or why others would not take it. */
export type Publication =
  | { readonly kind: "publishable"; readonly published: PublishedCertificate }
  | { readonly kind: "unusable-certificate"; readonly reason: UnusableReason };

/**
 * What is published of a new certificate of our own. It has to pass the test that others put it to.
 * @throws AppError when it does not.
 */
export async function publicationOf(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<PublishedCertificate> {
  const made = await publicationIfUsable(certificate, address, now);
  if (made.kind === "publishable") return made.published;
  throw new AppError(`a certificate is not acceptable: ${made.reason}`, { temporary: false });
}

/** What is published of a certificate that its owner brought. */
export async function publicationIfUsable(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<Publication> {
  const accepted = await acceptForEncryption(certificate, address, now);
  if (accepted.kind === "unusable") {
    return { kind: "unusable-certificate", reason: accepted.reason };
  }
  const { fingerprint, version, bytes, created } = certificate;
  return {
    kind: "publishable",
    published: {
      fingerprint,
      version,
      state: "active",
      bytes,
      createdAt: created,
      ...(accepted.expires === undefined ? {} : { expiresAt: accepted.expires }),
      address,
    },
  };
}

/** What a revoked certificate is published as: state and time follow the revocation that it carries. */
export async function revokedChange(
  published: PublishedCertificate,
  revoked: Certificate,
  now: Date,
): Promise<Pick<PublishedCertificate, "state" | "bytes" | "expiresAt" | "revokedAt">> {
  const revocation = await revocationOf(revoked);
  const { expiresAt } = published;
  return {
    state: revocation.kind === "none" ? "withdrawn" : stateFor(revocation.reasonCode),
    bytes: revoked.bytes,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    // A generic revocation is dated at generation; what counts for people is when it was released.
    revokedAt: now,
  };
}

/** RFC 9580 §5.2.3.31; that a user ID is no longer valid (32) is as soft as that a key is retired. */
export function stateFor(reasonCode: number): Exclude<KeyState, "active"> {
  const states: Readonly<Record<number, Exclude<KeyState, "active">>> = {
    1: "superseded",
    2: "compromised",
    3: "retired",
    32: "retired",
  };
  return states[reasonCode] ?? "withdrawn";
}
