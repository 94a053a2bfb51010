import { AppError } from "../base/errors.ts";
import { parseCertificates, type Certificate } from "../openpgp/certificates/certificate.ts";
import type { PublishedCertificate } from "../store/keys/certificates.ts";

/** True when a certificate has expired: it is kept, and by its address it is not found. */
export function isExpired(published: Pick<PublishedCertificate, "expiresAt">, now: Date): boolean {
  return published.expiresAt !== undefined && published.expiresAt <= now;
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
