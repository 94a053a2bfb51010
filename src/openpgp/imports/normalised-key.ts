import type { EmailAddress } from "../../mail/address.ts";
import { type Certificate, certificateOf, partsOf } from "../certificates/certificate.ts";
import { MAY_ENCRYPT, keyFlagsIn } from "../certificates/flags.ts";
import { type ImportRefusal, refusalOfUnusable } from "../certificates/import-refusal.ts";
import {
  type Judged,
  judgeable,
  matchingUsers,
  verifiedSignatures,
} from "../certificates/judged.ts";
import type { SelfSignatures } from "../certificates/self-signatures.ts";
import { signingKeysOf } from "../certificates/signing-keys.ts";
import type { TransferableSecretKey } from "../keys/transferable-secret-key.ts";
import type {
  CertificateParts,
  PrimaryPart,
  SubkeyPart,
  UserPart,
} from "../packets/certificate-parts.ts";
import { Damaged } from "../packets/damaged.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import { type LockedSecret, type SecretPart, readSecretPart } from "./locked-secret.ts";

/** A primary key or subkey that is taken over, with its secret as it came. */
export type KeptKey = {
  readonly publicBody: Uint8Array;
  readonly material: KeyMaterial;
  /** The type of its packet. */
  readonly tag: number;
  readonly part: LockedSecret | Extract<SecretPart, { kind: "clear" }>;
};

/** What of a secret key is taken over. */
export type NormalisedKey = {
  /** Every user ID and subkey that is bound, with the verified signatures that count and no others. */
  readonly parts: CertificateParts;
  /** Exactly the keys in `parts`, the primary first. */
  readonly keys: readonly KeptKey[];
};

/** For own keys; other people's may have 2048 (THREAT_MODEL.md). */
const LEAST_RSA_BITS = 3072;
const MAX_KEYS = 12;

/**
 * Chooses what is taken over of a secret key whose certificate was found importable: third-party signatures, unbound
 * subkeys, and weak ones that are not in use are left out. A secret that is missing is a refusal where the key is in use:
 * the primary key, those that sign, and the one that others encrypt to (`published`).
 */
export async function normalise(
  read: TransferableSecretKey,
  o: { readonly published: Certificate; readonly address: EmailAddress; readonly now: Date },
): Promise<NormalisedKey | ImportRefusal> {
  const judged = await judgeable(certificateOf(read.parts), o.now);
  if (typeof judged === "string") return refusalOfUnusable(judged);
  const inUse = await keysInUse(o.published, o.address, o.now);
  const { primary, subkeys } = judged.parts;
  const materials = [primary, ...subkeys].flatMap(({ material }) => material ?? []);
  if (materials.some((each) => inUse.has(each.fingerprint) && isShortRsa(each))) {
    return "weak-algorithm";
  }
  // In this order, because only so many signatures are verified.
  const signatures = verifiedSignatures(await judged.signatures.primary());
  const own = await verifiedUsers(judged.signatures, matchingUsers(judged, o.address));
  const bound = await boundSubkeys(judged);
  const users = await verifiedUsers(judged.signatures, judged.parts.users);
  const keys: KeptKey[] = [];
  for (const { body, material } of [primary, ...bound]) {
    const kept = material && keep(read, body, material);
    if (typeof kept === "string") return kept;
    if (kept !== undefined) keys.push(kept);
    else if (material === undefined || inUse.has(material.fingerprint)) return "no-secret-part";
  }
  if (keys.length > MAX_KEYS) return "too-large";
  const isKept = ({ body }: SubkeyPart) => keys.some(({ publicBody }) => publicBody === body);
  const isOwn = ({ body }: UserPart) => own.some((each) => each.body === body);
  const parts = {
    primary: { ...primary, signatures },
    users: [...own, ...users.filter((each) => !isOwn(each))],
    subkeys: bound.filter(isKept),
  };
  return { parts, keys };
}

const isShortRsa = ({ algorithm }: KeyMaterial): boolean =>
  algorithm.id <= 3 && algorithm.bits < LEAST_RSA_BITS;

async function keysInUse(
  published: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<ReadonlySet<Fingerprint>> {
  const parts = partsOf(published);
  const mayEncrypt = (subkey: SubkeyPart) =>
    parts !== undefined && (keyFlagsIn(parts, subkey).keyFlags & MAY_ENCRYPT) !== 0;
  const encrypting = (parts?.subkeys ?? [])
    .filter(mayEncrypt)
    .flatMap(({ material }) => material?.fingerprint ?? []);
  const signing = await signingKeysOf(published, address, now);
  return new Set([published.fingerprint, ...signing, ...encrypting]);
}

async function verifiedUsers(
  signatures: SelfSignatures,
  users: readonly UserPart[],
): Promise<readonly UserPart[]> {
  const verified: UserPart[] = [];
  for (const user of users) {
    const bound = await signatures.user(user);
    if (bound.binding === undefined) continue;
    verified.push({ ...user, signatures: verifiedSignatures(bound) });
  }
  return verified;
}

/** Each once, without those that are of no use to anybody. */
async function boundSubkeys({ parts, signatures }: Judged): Promise<readonly SubkeyPart[]> {
  const bound = new Map<Fingerprint, SubkeyPart>();
  for (const subkey of parts.subkeys) {
    const { material } = subkey;
    if (material?.strength !== "good" || bound.has(material.fingerprint)) continue;
    const of = await signatures.subkey(subkey);
    if (of.binding === undefined) continue;
    bound.set(material.fingerprint, { ...subkey, signatures: verifiedSignatures(of) });
  }
  return [...bound.values()];
}

/** Undefined when the secret is not here. */
function keep(
  read: TransferableSecretKey,
  publicBody: PrimaryPart["body"],
  material: KeyMaterial,
): KeptKey | ImportRefusal | undefined {
  const packet = read.secretFor(publicBody);
  const part = packet && readPart(material.version, packet.secret);
  if (packet === undefined || part === undefined || part.kind === "absent") return undefined;
  if (part.kind === "malformed") return "malformed";
  if (part.kind === "unsupported") return "unsupported-protection";
  return { publicBody, material, tag: packet.tag, part };
}

function readPart(version: 4 | 6, secret: Uint8Array): SecretPart {
  try {
    return readSecretPart(version, secret);
  } catch (error) {
    if (error instanceof Damaged) return { kind: "malformed" };
    throw error;
  }
}
