import { readFile } from "node:fs/promises";

import { AppError } from "../base/errors.ts";
import { type Certificate, parseCertificates } from "../openpgp/certificates/certificate.ts";

/** The certificate that new master keys are encrypted to. @throws AppError unless the file holds exactly one. */
export async function readEscrowCertificate(file: string): Promise<Certificate> {
  const parsed = await parseCertificates(await readFile(file));
  const certificates = parsed.kind === "parsed" ? parsed.certificates : [];
  const [certificate] = certificates;
  if (certificate !== undefined && certificates.length === 1) return certificate;
  throw new AppError(`${file} does not hold exactly one OpenPGP certificate`, { temporary: false });
}
