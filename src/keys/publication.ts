import { AppError } from "../base/errors.ts";
import type { EmailAddress } from "../mail/address.ts";
import { acceptForEncryption, revocationOf } from "../openpgp/certificates/acceptance.ts";
import { parseCertificates, type Certificate } from "../openpgp/certificates/certificate.ts";
import type { KeyState, PublishedCertificate } from "../store/keys/certificates.ts";

/** True when a certificate has expired: it is kept, and by its address it is not found. */
export function isExpired(published: PublishedCertificate, now: Date): boolean {
  return published.expiresAt !== undefined && published.expiresAt <= now;
}

/**
 * What is published of a new certificate. Our own has to pass the test that others put it to.
 * @throws AppError when it does not.
 */
export async function publicationOf(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<PublishedCertificate> {
  const accepted = await acceptForEncryption(certificate, address, now);
  if (accepted.kind === "unusable") {
    throw new AppError(`a certificate is not acceptable: ${accepted.reason}`, { temporary: false });
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

/** The certificate of a published row. @throws AppError when it cannot be read: the database was altered. */
export async function certificateIn(published: PublishedCertificate): Promise<Certificate> {
  const parsed = await parseCertificates(published.bytes);
  const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
  if (certificate === undefined) {
    throw new AppError("a published certificate cannot be read", { temporary: false });
  }
  return certificate;
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
