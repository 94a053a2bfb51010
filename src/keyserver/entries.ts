import { type Certificate, parseCertificates } from "../openpgp/certificates/certificate.ts";
import type { ViewedCertificate } from "../store/keys/published-view.ts";

/** One certificate as a client sees it in a list. */
export type Entry = {
  readonly certificate: Certificate;
  readonly expiresAt?: Date;
  readonly isExpired: boolean;
  readonly isRevoked: boolean;
};

/** What the lists show comes from the certificates themselves. @throws Error when a stored one cannot be read. */
export async function readEntries(
  found: readonly ViewedCertificate[],
  now: Date,
): Promise<readonly Entry[]> {
  return Promise.all(
    found.map(async ({ bytes, expiresAt, isRevoked }) => {
      const parsed = await parseCertificates(bytes);
      const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
      if (certificate === undefined) throw new Error("a published certificate cannot be read");
      const isExpired = expiresAt !== undefined && expiresAt <= now;
      const entry = { certificate, isExpired, isRevoked };
      return expiresAt === undefined ? entry : { ...entry, expiresAt };
    }),
  );
}
