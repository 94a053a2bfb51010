import { setImmediate } from "node:timers/promises";

import {
  PublicKeyPacket,
  PublicSubkeyPacket,
  SignaturePacket,
  UserIDPacket,
  type enums,
} from "openpgp";

import { equalBytes } from "../base/bytes.ts";
import type { CertificateParts, SubkeyPart, UserPart } from "./certificate-parts.ts";
import { MAY_SIGN } from "./flags.ts";
import type { KeyMaterial } from "./key-material.ts";
import { type KeySignature, SIGNATURE_TYPE, readKeySignature } from "./key-signature.ts";
import { isBrainpool, isGoodHash, isRevocationHash, verifyNatively } from "./native-signature.ts";
import { isRevocation, mayBeBy } from "./placement.ts";
import { certificateConfig } from "./profile.ts";
import { signedOctets } from "./signed-octets.ts";

/** What the valid signatures of a component say: the newest binding, and its revocations, newest first. */
export type Bound = {
  readonly binding: KeySignature | undefined;
  readonly revocations: readonly KeySignature[];
  /** So many signatures had to be tried that a revocation may have been missed: treat as revoked. */
  readonly isUncertain: boolean;
};

/** Checks the signatures of one certificate by its primary key, lazily, each component once. */
export type SelfSignatures = {
  /** Direct-key signature and key revocations (RFC 9580 §5.2.1.10, §5.2.1.11). */
  readonly primary: () => Promise<Bound>;
  /** Certification and its revocations (RFC 9580 §5.2.1.6, §5.2.1.13). */
  readonly user: (user: UserPart) => Promise<Bound>;
  /** Binding and its revocations; a binding that allows signing needs its back-signature (RFC 9580 §5.2.1.8, §5.2.1.9). */
  readonly subkey: (subkey: SubkeyPart) => Promise<Bound>;
};

/** Enough for any honest certificate, few enough to end within a second whatever the algorithm. */
const MOST_VERIFICATIONS = 64;

/** The certificate's primary key, and how many signatures may still be tried. */
type Context = {
  readonly key: PublicKeyPacket;
  readonly issuer: KeyMaterial;
  readonly budget: { left: number };
};

/** What a signature is made over; the library hashes it. */
type Signed = {
  readonly key: PublicKeyPacket;
  readonly userID?: UserIDPacket;
  readonly bind?: PublicSubkeyPacket;
};

/** A verifier for one certificate; undefined when the library does not read the primary key as we do. */
export async function readSelfSignatures(
  parts: CertificateParts,
): Promise<SelfSignatures | undefined> {
  const key = await readPacket(new PublicKeyPacket(), parts.primary.body);
  if (key === undefined) return undefined;
  const context = { key, issuer: parts.primary.material, budget: { left: MOST_VERIFICATIONS } };
  return {
    primary: onceEach(() => boundPrimary(context, parts)).bind(undefined, parts),
    user: onceEach((user) => boundUser(context, user)),
    subkey: onceEach((subkey) => boundSubkey(context, subkey)),
  };
}

function boundPrimary(context: Context, { primary }: CertificateParts): Promise<Bound> {
  const signed = { key: context.key };
  return bound(context, primary.signatures, {
    isBinding: ({ type }) => type === SIGNATURE_TYPE.directKey,
    isRevocation: ({ type }) => type === SIGNATURE_TYPE.keyRevocation,
    isValid: (signature) => isValid(context, signature, signed),
  });
}

async function boundUser(context: Context, user: UserPart): Promise<Bound> {
  const userID = user.isLatin1
    ? latin1UserId(user.body)
    : await readPacket(new UserIDPacket(), user.body);
  if (userID === undefined) return UNBOUND;
  const signed = { key: context.key, userID };
  return bound(context, user.signatures, {
    isBinding: ({ type }) => CERTIFICATIONS.has(type),
    isRevocation: ({ type }) => type === SIGNATURE_TYPE.certificationRevocation,
    isValid: (signature) => isValid(context, signature, signed),
  });
}

/** The library reads UTF-8 alone; what is signed are the octets. */
function latin1UserId(body: Uint8Array): UserIDPacket {
  const packet = new UserIDPacket();
  packet.write = () => Uint8Array.from(body);
  return packet;
}

async function boundSubkey(
  context: Context,
  { body, material, signatures }: SubkeyPart,
): Promise<Bound> {
  const bind = await readPacket(new PublicSubkeyPacket(), body);
  // Subkeys are of their primary key's version (RFC 9580 §10.1.1).
  if (bind === undefined || material?.version !== context.issuer.version) return UNBOUND;
  const signed = { key: context.key, bind };
  return bound(context, signatures, {
    isBinding: ({ type }) => type === SIGNATURE_TYPE.subkeyBinding,
    isRevocation: ({ type }) => type === SIGNATURE_TYPE.subkeyRevocation,
    isValid: async (signature) =>
      (await isValid(context, signature, signed)) &&
      (signature.type !== SIGNATURE_TYPE.subkeyBinding ||
        (await hasBackSignature(context, signature, material, signed))),
  });
}

const UNBOUND: Bound = { binding: undefined, revocations: [], isUncertain: false };

/** Signatures come newest first: the first valid binding is the one that counts. */
async function bound(
  context: Context,
  signatures: readonly KeySignature[],
  rules: {
    readonly isBinding: (signature: KeySignature) => boolean;
    readonly isRevocation: (signature: KeySignature) => boolean;
    readonly isValid: (signature: KeySignature) => Promise<boolean>;
  },
): Promise<Bound> {
  const revocations: KeySignature[] = [];
  for (const signature of signatures.filter(rules.isRevocation)) {
    if (await rules.isValid(signature)) revocations.push(signature);
  }
  const isUncertain = context.budget.left <= 0;
  for (const binding of signatures.filter(rules.isBinding)) {
    if (await rules.isValid(binding)) return { binding, revocations, isUncertain };
  }
  return { binding: undefined, revocations, isUncertain };
}

function isValid(context: Context, signature: KeySignature, signed: Signed): Promise<boolean> {
  const { key, issuer, budget } = context;
  return verify({ signature, key, issuer, budget, signed });
}

/** A signing subkey must have agreed to be bound, else anybody could adopt it (RFC 9580 §5.2.1.9). */
async function hasBackSignature(
  { budget }: Context,
  { keyFlags = 0, embedded }: KeySignature,
  issuer: KeyMaterial,
  signed: Signed & { readonly bind: PublicSubkeyPacket },
): Promise<boolean> {
  if ((keyFlags & MAY_SIGN) === 0) return true;
  const signature = embedded && readKeySignature(embedded);
  if (signature?.type !== SIGNATURE_TYPE.primaryKeyBinding) return false;
  // One that ends is not worth the trouble: nobody makes them.
  if (signature.expiresAfterSeconds !== undefined) return false;
  return verify({ signature, key: signed.bind, issuer, budget, signed });
}

/** The rules that need no mathematics first; the library has the last word. */
async function verify(o: {
  readonly signature: KeySignature;
  readonly key: PublicKeyPacket | PublicSubkeyPacket;
  readonly issuer: KeyMaterial;
  readonly budget: { left: number };
  readonly signed: Signed;
}): Promise<boolean> {
  const { signature, key, issuer, budget, signed } = o;
  if (!isCandidate(signature, issuer) || budget.left <= 0) return false;
  budget.left -= 1;
  // Others get a turn: what the library verifies in JavaScript, such as Ed448, takes its time in one piece.
  await setImmediate();
  try {
    const packet = new SignaturePacket();
    packet.read(signature.body);
    // A designated revoker (subpacket 12) is ignored; the library would refuse the whole signature.
    packet.revocationKeyClass = null;
    if (isBrainpool(key.write()) || isRevocation(signature)) {
      return verifyNatively(signature, key.write(), octetsOf(signed));
    }
    const type = signature.type as enums.signature;
    // Judged at its own creation time: what is true at another time is decided by our own rules.
    await packet.verify(key, type, signed, signature.created, false, certificateConfig);
    return true;
  } catch {
    return false;
  }
}

/** What the library would hash before the signature's own octets. */
function octetsOf({ key, userID, bind }: Signed): Uint8Array {
  return signedOctets({ key: key.write(), userId: userID?.write(), subkey: bind?.write() });
}

const CERTIFICATIONS: ReadonlySet<number> = new Set(SIGNATURE_TYPE.certifications);
function isCandidate(signature: KeySignature, issuer: KeyMaterial): boolean {
  const { hashAlgorithm } = signature;
  const isHash =
    isGoodHash(hashAlgorithm) || (isRevocationHash(hashAlgorithm) && isRevocation(signature));
  return isHash && mayBeBy(issuer, signature) && !signature.hasUnknownCritical;
}

/** A packet of the library, if what it read is what stood there: else we and it would speak of different keys. */
async function readPacket<
  Packet extends { read(bytes: Uint8Array): Promise<void> | void; write(): Uint8Array },
>(packet: Packet, body: Uint8Array): Promise<Packet | undefined> {
  try {
    await packet.read(body);
    return equalBytes(packet.write(), body) ? packet : undefined;
  } catch {
    return undefined;
  }
}

function onceEach<Key extends object, Value>(
  make: (key: Key) => Promise<Value>,
): (key: Key) => Promise<Value> {
  const made = new Map<Key, Promise<Value>>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}
