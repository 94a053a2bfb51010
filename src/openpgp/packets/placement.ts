import { type Fingerprint, keyIdOf } from "./fingerprint.ts";
import type { KeyMaterial } from "./key-material.ts";
import type { KeyPacket } from "./key-packets.ts";
import { type KeySignature, SIGNATURE_TYPE } from "./key-signature.ts";
import { startHashOctets } from "./native-signature.ts";
import { keyOctets, userIdOctets } from "./signed-octets.ts";

/** A component of a certificate with the signatures that stand behind it, in the order in which they stand. */
export type Group = { readonly head: KeyPacket; readonly signatures: KeySignature[] };

const PUBLIC_SUBKEY = 14;
const USER_ID = 13;

/** Maximum of octets hashed to find the places of the signatures of one input; 500 honest packets need a sixth of it. */
const MAX_OCTETS = 4 * 1024 * 1024;

/** What a hash costs beside its octets, counted as octets. */
const OCTETS_PER_HASH = 512;

/** How many octets may still be hashed to place the signatures of one input; below zero, not all have been placed. */
export type PlacementBudget = { octets: number };

export const placementBudget = (): PlacementBudget => ({ octets: MAX_OCTETS });

/** True for a signature that takes something back (RFC 9580 §5.2.1.11 to §5.2.1.13). */
export const isRevocation = ({ type }: KeySignature): boolean =>
  type === SIGNATURE_TYPE.keyRevocation ||
  type === SIGNATURE_TYPE.subkeyRevocation ||
  type === SIGNATURE_TYPE.certificationRevocation;

/**
 * The components with the primary key's own signatures behind what they are over. A signature counts wherever it stands,
 * as it does for GnuPG and Sequoia: what is over the primary key alone goes there, and others follow the two octets that
 * they show of their hash. `elsewhere` are revocations that stand outside of the certificate; those that fit nothing are
 * left out. Nothing is proven. A primary key that is of no use costs no hash: its signatures stay where they stand.
 */
export function putInPlace(
  primary: KeyMaterial,
  groups: readonly Group[],
  { elsewhere, budget }: Placement,
): readonly Group[] {
  const key = groups[0]?.head.body;
  if (key === undefined || primary.strength !== "good") return groups;
  const placed = groups.map(({ head }): Group => ({ head, signatures: [] }));
  const put = (signature: KeySignature, home: Group | undefined): void => {
    const isOfPrimary = mayBeBy(primary, signature);
    const fits = fitter(key, signature, budget);
    const target =
      isOfPrimary && OVER_PRIMARY.has(signature.type)
        ? placed[0]
        : !isOfPrimary || (home !== undefined && fits(home))
          ? home
          : (placed.find((each) => each !== home && fits(each)) ?? home);
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

/** What is placed beside a certificate's own signatures, and at which cost. */
export type Placement = {
  readonly elsewhere: readonly KeySignature[];
  readonly budget: PlacementBudget;
};

/** Says of components whether a signature may be over them. The primary key before them is hashed once. */
function fitter(
  key: Uint8Array,
  signature: KeySignature,
  budget: PlacementBudget,
): (group: Group) => boolean {
  const over = HEADS.get(signature.type);
  let started: ReturnType<typeof startHashOctets> | undefined;
  const spend = (octets: number): boolean => (budget.octets -= octets) >= 0;
  return ({ head }) => {
    const { tag, body } = head;
    if (over !== tag || budget.octets < 0 || isTooLong(head)) return false;
    if (started === undefined && !spend(key.length)) return false;
    started ??= startHashOctets(signature, keyOctets(key));
    if (!spend(OCTETS_PER_HASH + body.length + signature.hashedPart.length)) return false;
    return started(over === USER_ID ? userIdOctets(body) : keyOctets(body));
  };
}

/** A key of version 4 counts its length in two octets (RFC 9580 §5.2.4): nothing is over a longer one. */
const isTooLong = ({ tag, body }: KeyPacket): boolean =>
  tag === PUBLIC_SUBKEY && body[0] !== 6 && body.length > 0xffff;

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
