import type { EmailAddress } from "../mail/address.ts";
import type { Certificate } from "./certificate.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { checkSigner } from "./signer.ts";

/** The keys of a certificate whose signatures, made now, are those of the address. */
export async function signingKeysOf(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<readonly Fingerprint[]> {
  const able: Fingerprint[] = [];
  for (const keyFingerprint of [certificate.fingerprint, ...certificate.subkeyFingerprints]) {
    const check = await checkSigner(certificate, address, { keyFingerprint, signedAt: now }, now);
    if (check.kind === "bound" && check.note === undefined) able.push(keyFingerprint);
  }
  return able;
}
