import type { CertificateParts, PrimaryPart, SubkeyPart } from "../packets/certificate-parts.ts";
import { keyIdOf } from "../packets/fingerprint.ts";
import { type KeySignature, SIGNATURE_TYPE } from "../packets/key-signature.ts";
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
    const keyFlags = firstSaid(selfSignaturesOf(parts), (each) => each.keyFlags) ?? 0;
    const isRevoked = part.signatures.some(({ type }) => type === SIGNATURE_TYPE.keyRevocation);
    return { keyFlags, isRevoked };
  }
  const binding = part.signatures.find(({ type }) => type === SIGNATURE_TYPE.subkeyBinding);
  const isRevoked = part.signatures.some(({ type }) => type === SIGNATURE_TYPE.subkeyRevocation);
  const expires = part.material && keyExpiryOf(binding, part.material.created);
  return { keyFlags: binding?.keyFlags ?? 0, isRevoked, expires };
}

/**
 * The signatures that say what the primary key is for and what its owner prefers: of each thing, the first that says it.
 * See `decisive`.
 */
export function selfSignaturesOf({ primary, users }: CertificateParts): readonly KeySignature[] {
  const { version } = primary.material;
  const direct = primary.signatures.find(({ type }) => type === SIGNATURE_TYPE.directKey);
  const { fingerprint } = primary.material;
  const certifications = users.flatMap(({ signatures }) =>
    signatures.filter(
      ({ type, issuer, issuerKeyId }) =>
        CERTIFICATIONS.has(type) &&
        (issuer === fingerprint || issuerKeyId === keyIdOf(fingerprint)),
    ),
  );
  const newest = certifications.toSorted((a, b) => b.created.getTime() - a.created.getTime())[0];
  return decisive({ version, certification: newest, direct });
}

/**
 * In v6 all of this stands in the direct-key signature (RFC 9580 §10.1.1). In v4 the certification of a user ID says it
 * for that user ID (RFC 9580 §5.2.3.10). What the certification does not say, the direct-key signature says for the whole
 * key; so GnuPG and Sequoia have it. A direct-key signature that ends is not asked: whoever looks later would judge
 * otherwise.
 */
export function decisive(o: {
  readonly version: 4 | 6;
  readonly certification: KeySignature | undefined;
  readonly direct: KeySignature | undefined;
}): readonly KeySignature[] {
  if (o.version === 6) return present([o.direct]);
  const lasting = o.direct?.expiresAfterSeconds === undefined ? o.direct : undefined;
  return present([o.certification, lasting]);
}

const present = (signatures: readonly (KeySignature | undefined)[]): readonly KeySignature[] =>
  signatures.flatMap((signature) => signature ?? []);

/** What the first of several signatures that says something says. */
export function firstSaid<Value>(
  signatures: readonly KeySignature[],
  read: (signature: KeySignature) => Value | undefined,
): Value | undefined {
  for (const signature of signatures) {
    const said = read(signature);
    if (said !== undefined) return said;
  }
  return undefined;
}

const CERTIFICATIONS: ReadonlySet<number> = new Set(SIGNATURE_TYPE.certifications);
