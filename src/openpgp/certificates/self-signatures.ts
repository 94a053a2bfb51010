import { setImmediate } from "node:timers/promises";
import {
  type PublicKeyPacket,
  type PublicSubkeyPacket,
  SignaturePacket,
  type enums,
} from "openpgp";

import { after } from "../../base/time.ts";
import type { CertificateParts, SubkeyPart, UserPart } from "../packets/certificate-parts.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import { type KeySignature, SIGNATURE_TYPE, readKeySignature } from "../packets/key-signature.ts";
import {
  isBrainpool,
  isGoodHash,
  isRevocationHash,
  verifyNatively,
} from "../packets/native-signature.ts";
import { isRevocation, mayBeBy } from "../packets/placement.ts";
import { signedOctets } from "../packets/signed-octets.ts";
import type { Bound } from "./bound.ts";
import { MAY_SIGN } from "./flags.ts";
import { certificateConfig } from "./profile.ts";
import { type Component, type Components, componentsOf, type Signed } from "./proven.ts";
import { SKEW_MS } from "./validity.ts";

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
const MAX_VERIFICATIONS = 64;

/** The certificate's components, and how many signatures may still be tried. */
type Context = {
  readonly components: Components;
  readonly issuer: KeyMaterial;
  readonly budget: { left: number };
  /** What is dated later is of the future; undefined: nothing is. */
  readonly latest: Date | undefined;
};

/**
 * A verifier for one certificate; undefined when the library does not read the primary key as we do. With `now`, a binding
 * of the future counts only where no older one does: its maker's clock was wrong, or somebody wants to be the newest.
 */
export async function readSelfSignatures(
  parts: CertificateParts,
  now?: Date,
): Promise<SelfSignatures | undefined> {
  const components = await componentsOf(parts);
  if (components === undefined) return undefined;
  const context = {
    components,
    issuer: parts.primary.material,
    budget: { left: MAX_VERIFICATIONS },
    latest: now && after(now, SKEW_MS),
  };
  return {
    primary: onceEach(() => boundPrimary(context, parts)).bind(undefined, parts),
    user: onceEach((user) => boundUser(context, user)),
    subkey: onceEach((subkey) => boundSubkey(context, subkey)),
  };
}

function boundPrimary(context: Context, { primary }: CertificateParts): Promise<Bound> {
  return bound(context, primary.signatures, {
    isBinding: ({ type }) => type === SIGNATURE_TYPE.directKey,
    isRevocation: ({ type }) => type === SIGNATURE_TYPE.keyRevocation,
    component: context.components.primary,
  });
}

async function boundUser(context: Context, user: UserPart): Promise<Bound> {
  const component = await context.components.user(user);
  if (component === undefined) return UNBOUND;
  return bound(context, user.signatures, {
    isBinding: ({ type }) => CERTIFICATIONS.has(type),
    isRevocation: ({ type }) => type === SIGNATURE_TYPE.certificationRevocation,
    component,
  });
}

async function boundSubkey(context: Context, subkey: SubkeyPart): Promise<Bound> {
  const { material, signatures } = subkey;
  const component = await context.components.subkey(subkey);
  // Subkeys are of their primary key's version (RFC 9580 §10.1.1).
  if (component === undefined || material?.version !== context.issuer.version) return UNBOUND;
  return bound(context, signatures, {
    isBinding: ({ type }) => type === SIGNATURE_TYPE.subkeyBinding,
    isRevocation: ({ type }) => type === SIGNATURE_TYPE.subkeyRevocation,
    component,
    isAgreed: async (signature) => hasBackSignature(context, signature, material, component),
  });
}

/** Nothing binds it, nothing revokes it. */
export const UNBOUND: Bound = {
  binding: undefined,
  revocations: [],
  isWeak: false,
  isUncertain: false,
};

type Rules = {
  readonly isBinding: (signature: KeySignature) => boolean;
  readonly isRevocation: (signature: KeySignature) => boolean;
  readonly component: Component;
  /** What a binding needs beside its own signature. */
  readonly isAgreed?: (binding: KeySignature) => Promise<boolean>;
};

/** Signatures come newest first: the first valid binding is the one that counts, those of the future last. */
async function bound(
  context: Context,
  signatures: readonly KeySignature[],
  { isBinding, isRevocation: isTakenBack, component, isAgreed }: Rules,
): Promise<Bound> {
  const { issuer, budget, latest } = context;
  const { signed, good: known } = component;
  const check = { key: signed.key, issuer, budget, signed, known };
  const revocations: KeySignature[] = [];
  for (const signature of signatures.filter(isTakenBack)) {
    if (await verify({ ...check, signature })) revocations.push(signature);
  }
  const isUncertain = budget.left <= 0;
  const isFuture = ({ created }: KeySignature) => latest !== undefined && created > latest;
  const bindings = signatures.filter(isBinding);
  const inOrder = [...bindings.filter((each) => !isFuture(each)), ...bindings.filter(isFuture)];
  for (const binding of inOrder) {
    const isGood = await verify({ ...check, signature: binding });
    if (isGood && (isAgreed === undefined || (await isAgreed(binding)))) {
      return { binding, revocations, isWeak: false, isUncertain };
    }
  }
  // One that is damaged, or was not looked at, may be a good one: then it is not known that the key is weakly bound.
  const own = inOrder.filter((signature) => mayBeBy(issuer, signature));
  const isWeak = own.length > 0 && own.every((signature) => isWeaklyBound({ ...check, signature }));
  return { binding: undefined, revocations, isWeak, isUncertain };
}

/** Made by the key, with a hash for which others may have made it too: SHA-1, RIPEMD-160 or SHA-224. */
function isWeaklyBound({
  signature,
  key,
  budget,
  signed,
}: Pick<Verification, "signature" | "key" | "budget" | "signed">): boolean {
  const isWeak = isRevocationHash(signature.hashAlgorithm);
  if (!isWeak || budget.left <= 0) return false;
  budget.left -= 1;
  return verifyNatively(signature, key.write(), octetsOf(signed));
}

/** A signing subkey must have agreed to be bound, else anybody could adopt it (RFC 9580 §5.2.1.9). */
async function hasBackSignature(
  { budget }: Context,
  binding: KeySignature,
  issuer: KeyMaterial,
  { signed, agreed: known }: Component<Signed & { readonly bind: PublicSubkeyPacket }>,
): Promise<boolean> {
  const { keyFlags = 0, embedded } = binding;
  if ((keyFlags & MAY_SIGN) === 0) return true;
  const signature = embedded && readKeySignature(embedded);
  if (signature?.type !== SIGNATURE_TYPE.primaryKeyBinding) return false;
  // One that ends is not worth the trouble: nobody makes them.
  if (signature.expiresAfterSeconds !== undefined) return false;
  return verify({ signature, key: signed.bind, issuer, budget, signed, known, knownAs: binding });
}

type Verification = {
  readonly signature: KeySignature;
  readonly key: PublicKeyPacket | PublicSubkeyPacket;
  readonly issuer: KeyMaterial;
  readonly budget: { left: number };
  readonly signed: Signed;
  /** Signatures that are known to be good; `knownAs` stands for one that stands within another. */
  readonly known: WeakSet<KeySignature>;
  readonly knownAs?: KeySignature;
};

/** The rules that need no mathematics first; one that is known to be good counts against the budget all the same. */
async function verify(o: Verification): Promise<boolean> {
  const { signature, issuer, budget, known, knownAs = signature } = o;
  if (!isCandidate(signature, issuer) || budget.left <= 0) return false;
  budget.left -= 1;
  if (known.has(knownAs)) return true;
  const isGood = await isMathematicallyGood(o);
  if (isGood) known.add(knownAs);
  return isGood;
}

/** The library has the last word. */
async function isMathematicallyGood({ signature, key, signed }: Verification): Promise<boolean> {
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
