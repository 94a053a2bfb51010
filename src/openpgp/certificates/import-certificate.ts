import type { EmailAddress } from "../../mail/address.ts";
import { acceptForEncryption } from "./acceptance.ts";
import { type Certificate, parseCertificates } from "./certificate.ts";
import {
  type CertificateRefusal,
  refusalOfMalformed,
  refusalOfUnusable,
} from "./import-refusal.ts";
import { signingKeysOf } from "./signing-keys.ts";
import { userIdMatches } from "./user-id.ts";

export { type CertificateRefusal, explainRefusal } from "./import-refusal.ts";

/** What becomes of a certificate that a user brings along. */
export type ImportedCertificate =
  | {
      readonly kind: "importable";
      /** Reduced as for acceptance: one user ID, which is the address, and what is usable. */
      readonly certificate: Certificate;
      readonly expires: Date | undefined;
    }
  | { readonly kind: "refused"; readonly reason: CertificateRefusal };

/**
 * Reads and judges the certificate of a user who keeps the secret key: one, armored or binary, for exactly this address,
 * that can be encrypted to and can sign. With it `imports/possession.ts` lets the user prove that they own the key. Limits as
 * those of `parseCertificates`; RSA from 2048 bits, as for other people's.
 */
export async function importCertificate(o: {
  readonly bytes: Uint8Array;
  readonly address: EmailAddress;
  readonly now: Date;
}): Promise<ImportedCertificate> {
  const parsed = await parseCertificates(o.bytes);
  if (parsed.kind === "malformed") return refused(refusalOfMalformed(parsed.reason));
  const [certificate, ...others] = parsed.certificates;
  if (certificate === undefined || others.length > 0) return refused("not-one-key");
  return judgeImport(certificate, o.address, o.now);
}

/** As `importCertificate`, of a certificate that has been read already. */
export async function judgeImport(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<ImportedCertificate> {
  const exactly = { subaddress: false };
  const isNamed = ({ userIds }: Certificate) =>
    userIds.some((userId) => userIdMatches(userId, address, exactly));
  const acceptance = await acceptForEncryption(certificate, address, now);
  if (acceptance.kind === "unusable") return refused(refusalOfUnusable(acceptance.reason));
  // Acceptance looks through `+` when the exact user ID is not good.
  if (!isNamed(acceptance.certificate)) return refused("wrong-user-id");
  const signing = await signingKeysOf(acceptance.certificate, address, now);
  if (signing.length === 0) return refused("no-signing-key");
  return { kind: "importable", certificate: acceptance.certificate, expires: acceptance.expires };
}

function refused(reason: CertificateRefusal): ImportedCertificate {
  return { kind: "refused", reason };
}
