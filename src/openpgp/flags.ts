import type { CertificateParts, PrimaryPart, SubkeyPart } from "./certificate-parts.ts";
import { keyIdOf } from "./fingerprint.ts";
import { type KeySignature, SIGNATURE_TYPE } from "./key-signature.ts";
import { keyExpiryOf } from "./validity.ts";

/** What a key of a certificate is for, whether it was revoked and, of a subkey, until when it counts, as its signatures say. */
export type Uses = {
  readonly keyFlags: number;
  readonly isRevoked: boolean;
  readonly expires?: Date | undefined;
};

/** Key flags (RFC 9580 §5.2.3.29). */
export const MAY_SIGN = 0x02;
export const MAY_ENCRYPT = 0x04 | 0x08;

/**
 * Reads the newest binding of a key. Nothing is verified: for own certificates, and for accepted ones, which are reduced
 * to what has been verified.
 */
export function keyFlagsIn(parts: CertificateParts, part: PrimaryPart | SubkeyPart): Uses {
  if (part === parts.primary) {
    const keyFlags = selfSignatureOf(parts)?.keyFlags ?? 0;
    const isRevoked = part.signatures.some(({ type }) => type === SIGNATURE_TYPE.keyRevocation);
    return { keyFlags, isRevoked };
  }
  const binding = part.signatures.find(({ type }) => type === SIGNATURE_TYPE.subkeyBinding);
  const isRevoked = part.signatures.some(({ type }) => type === SIGNATURE_TYPE.subkeyRevocation);
  const expires = part.material && keyExpiryOf(binding, part.material.created);
  return { keyFlags: binding?.keyFlags ?? 0, isRevoked, expires };
}

/** The signature that says what the primary key is for and what its owner prefers (RFC 9580 §5.2.3.10). */
export function selfSignatureOf({ primary, users }: CertificateParts): KeySignature | undefined {
  const direct = primary.signatures.find(({ type }) => type === SIGNATURE_TYPE.directKey);
  if (primary.material.version === 6) return direct;
  const { fingerprint } = primary.material;
  const certifications = users.flatMap(({ signatures }) =>
    signatures.filter(
      ({ type, issuer, issuerKeyId }) =>
        CERTIFICATIONS.has(type) &&
        (issuer === fingerprint || issuerKeyId === keyIdOf(fingerprint)),
    ),
  );
  const newest = certifications.toSorted((a, b) => b.created.getTime() - a.created.getTime())[0];
  return newest ?? direct;
}

const CERTIFICATIONS: ReadonlySet<number> = new Set(SIGNATURE_TYPE.certifications);
