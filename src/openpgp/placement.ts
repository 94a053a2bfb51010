import type { KeyPacket } from "./certificate-parts.ts";
import type { KeyMaterial } from "./key-material.ts";
import { type Fingerprint, keyIdOf } from "./fingerprint.ts";
import { type KeySignature, SIGNATURE_TYPE } from "./key-signature.ts";
import { fitsHashOctets } from "./native-signature.ts";
import { signedOctets } from "./signed-octets.ts";

/** A component of a certificate with the signatures that stand behind it, in the order in which they stand. */
export type Group = { readonly head: KeyPacket; readonly signatures: KeySignature[] };

const PUBLIC_SUBKEY = 14;
const USER_ID = 13;

/** Maximum of hashes that finding the places of signatures may cost; honest certificates need a few hundred. */
const MOST_HASHES = 4096;

/** True for a signature that takes something back (RFC 9580 §5.2.1.11 to §5.2.1.13). */
export const isRevocation = ({ type }: KeySignature): boolean =>
  type === SIGNATURE_TYPE.keyRevocation ||
  type === SIGNATURE_TYPE.subkeyRevocation ||
  type === SIGNATURE_TYPE.certificationRevocation;

/**
 * The components with the primary key's own signatures behind what they are over. A signature counts wherever it stands,
 * as it does for GnuPG and Sequoia: what is over the primary key alone goes there, and others follow the two octets that
 * they show of their hash. `elsewhere` are revocations that stand outside of the certificate; those that fit nothing are
 * left out. Nothing is proven.
 */
export function putInPlace(
  primary: KeyMaterial,
  groups: readonly Group[],
  elsewhere: readonly KeySignature[],
): readonly Group[] {
  const key = groups[0]?.head.body;
  if (key === undefined) return groups;
  const placed = groups.map(({ head }): Group => ({ head, signatures: [] }));
  let hashes = MOST_HASHES;
  const fits = (signature: KeySignature, { head }: Group): boolean => {
    const over = HEADS.get(signature.type);
    if (over !== head.tag || hashes <= 0) return false;
    hashes -= 1;
    const { body } = head;
    return fitsHashOctets(
      signature,
      signedOctets(over === USER_ID ? { key, userId: body } : { key, subkey: body }),
    );
  };
  const put = (signature: KeySignature, home: Group | undefined): void => {
    const isOfPrimary = mayBeBy(primary, signature);
    const target =
      isOfPrimary && OVER_PRIMARY.has(signature.type)
        ? placed[0]
        : !isOfPrimary || (home !== undefined && fits(signature, home))
          ? home
          : (placed.find((each) => each !== home && fits(signature, each)) ?? home);
    target?.signatures.push(signature);
  };
  for (const [index, { signatures }] of groups.entries()) {
    for (const signature of signatures) put(signature, placed[index]);
  }
  for (const signature of elsewhere) {
    if (mayBeBy(primary, signature)) put(signature, undefined);
  }
  return placed;
}

/** Signatures that are made over the primary key alone (RFC 9580 §5.2.4). */
const OVER_PRIMARY: ReadonlySet<number> = new Set([
  SIGNATURE_TYPE.keyRevocation,
  SIGNATURE_TYPE.directKey,
]);

/** What the others are made over beside the primary key: the type of its packet. */
const HEADS: ReadonlyMap<number, number> = new Map([
  [SIGNATURE_TYPE.subkeyBinding, PUBLIC_SUBKEY],
  [SIGNATURE_TYPE.subkeyRevocation, PUBLIC_SUBKEY],
  [SIGNATURE_TYPE.certificationRevocation, USER_ID],
  ...SIGNATURE_TYPE.certifications.map((type): [number, number] => [type, USER_ID]),
]);

/** True unless a signature names another issuer, or is of another version or algorithm than the key's. */
export function mayBeBy(
  { fingerprint, version, algorithm }: KeyMaterial,
  signature: KeySignature,
): boolean {
  const isOfKey = signature.version === version && signature.keyAlgorithm === algorithm.id;
  return isOfKey && isNamed(fingerprint, signature);
}

/** A revocation that names nobody may be anybody's: the mathematics decide. */
function isNamed(fingerprint: Fingerprint, signature: KeySignature): boolean {
  const { issuer, issuerKeyId } = signature;
  if (issuer !== undefined) return issuer === fingerprint;
  if (issuerKeyId !== undefined) return issuerKeyId === keyIdOf(fingerprint);
  return isRevocation(signature);
}
