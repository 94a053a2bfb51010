/**
 * Our own judgement of certificates: whether they may be sealed to, and whether a
 * signature is their owner's. The library only does the mathematics of single signatures.
 */
import { after } from "../../base/time.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { SubkeyPart, UserPart } from "../packets/certificate-parts.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import type { Bound } from "./bound.ts";
import type { Certificate } from "./certificate.ts";
import { MAY_ENCRYPT } from "./flags.ts";
import {
  type Judged,
  type UnusableReason,
  judgeable,
  keyFlagsOf,
  matchingUsers,
  primaryExpiryOf,
  reduce,
  refusalOf,
} from "./judged.ts";
import { earliest, expiryOf, isPast, keyExpiryOf, SKEW_MS } from "./validity.ts";

export type { UnusableReason } from "./judged.ts";
export { checkSigner, howEnded, type KeyEnd, type SignerCheck } from "./signer.ts";
export { revocationOf, type KeyRevocation } from "./signer.ts";
export { userIdMatches } from "./user-id.ts";

export type Acceptance =
  | {
      readonly kind: "acceptable";
      /** Reduced (THREAT_MODEL.md G12): primary key, matching user ID, one encryption subkey, signing subkeys. */
      readonly certificate: Certificate;
      readonly expires: Date | undefined;
    }
  | { readonly kind: "unusable"; readonly reason: UnusableReason };

type Refusal = Extract<Acceptance, { kind: "unusable" }>;

/** Whether mail for an address may be encrypted to a certificate now. It fails closed. */
export async function acceptForEncryption(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<Acceptance> {
  const judged = await judgeable(certificate, now);
  if (typeof judged === "string") return unusable(judged);
  const users = matchingUsers(judged, address);
  if (users.length === 0) return unusable("wrong-user-id");
  const primary = await judgePrimary(judged, now);
  if (primary !== undefined) return primary;
  const user = await firstGood(users, (each) => judgeUser(judged, each, now));
  if (user.kind === "unusable") return user;
  const key = await findEncryptionKey(judged, user.part, now);
  if (key.kind === "unusable") return key;
  const reduced = await reduce(judged, user.part, key.part);
  if (reduced === undefined) return unusable("bad-self-signature");
  const expires = earliest(user.expires, key.expires);
  return { kind: "acceptable", certificate: reduced, expires };
}

function unusable(reason: UnusableReason): Refusal {
  return { kind: "unusable", reason };
}

type Good<Part> = {
  readonly kind: "good";
  readonly part: Part;
  readonly expires: Date | undefined;
};

async function judgePrimary(judged: Judged, now: Date): Promise<Refusal | undefined> {
  const { material } = judged.parts.primary;
  const bound = await judged.signatures.primary();
  if (material.created > after(now, SKEW_MS)) return unusable("not-yet-valid");
  const refusal = judgeRevocations(bound);
  if (refusal !== undefined) return refusal;
  return material.version === 6 ? judgeBinding(bound, now) : undefined;
}

async function judgeUser(
  judged: Judged,
  part: UserPart,
  now: Date,
): Promise<Good<UserPart> | Refusal> {
  const bound = await judged.signatures.user(part);
  const refusal = judgeRevocations(bound) ?? judgeBinding(bound, now);
  if (refusal !== undefined) return refusal;
  const expires = earliest(
    bound.binding && expiryOf(bound.binding),
    await primaryExpiryOf(judged, part),
  );
  return isPast(expires, now) ? unusable("expired") : { kind: "good", part, expires };
}

/**
 * Any revocation counts, whatever its reason and date. Where there were too many signatures to look at all, nobody knows:
 * that is no word of the owner's, and must not lead to clear text.
 */
function judgeRevocations({ revocations, isUncertain }: Bound): Refusal | undefined {
  if (revocations.length > 0) return unusable("revoked");
  return isUncertain ? unusable("bad-self-signature") : undefined;
}

function judgeBinding({ binding, isWeak }: Bound, now: Date): Refusal | undefined {
  if (binding === undefined) return unusable(isWeak ? "weak-algorithm" : "bad-self-signature");
  return binding.created > after(now, SKEW_MS) ? unusable("not-yet-valid") : undefined;
}

/** The newest usable subkey, or else the primary key; undefined as part stands for the primary key. */
async function findEncryptionKey(
  judged: Judged,
  user: UserPart,
  now: Date,
): Promise<Good<SubkeyPart | undefined> | Refusal> {
  const { parts } = judged;
  const { version } = parts.primary.material;
  const subkeys = parts.subkeys
    .filter(isKnown)
    .filter(({ material }) => material.version === version)
    .toSorted((a, b) => b.material.created.getTime() - a.material.created.getTime());
  const found = await firstGood(subkeys, (subkey) => judgeSubkey(judged, subkey, now));
  if (found.kind === "good") return found;
  const { material } = parts.primary;
  const mayPrimary = material.mayEncrypt && ((await keyFlagsOf(judged, user)) & MAY_ENCRYPT) !== 0;
  return mayPrimary ? { kind: "good", part: undefined, expires: undefined } : found;
}

/** A subkey of a version that we know. */
type KnownSubkey = SubkeyPart & { readonly material: KeyMaterial };

function isKnown(part: SubkeyPart): part is KnownSubkey {
  return part.material !== undefined;
}

async function judgeSubkey(
  judged: Judged,
  part: KnownSubkey,
  now: Date,
): Promise<Good<KnownSubkey> | Refusal> {
  const { material } = part;
  // What nobody says is for encryption is neither weak nor early for it.
  if (!part.signatures.some(saysToEncrypt)) return unusable("no-encryption-key");
  const refused = refusedMaterial(material, now);
  if (refused !== undefined) return refused;
  const bound = await judged.signatures.subkey(part);
  // A binding that says so and does not verify may have been damaged on its way.
  const refusal = judgeRevocations(bound) ?? judgeBinding(bound, now);
  if (bound.binding === undefined) return refusal ?? unusable("bad-self-signature");
  if (!saysToEncrypt(bound.binding)) return unusable("no-encryption-key");
  if (refusal !== undefined) return refusal;
  const expires = earliest(expiryOf(bound.binding), keyExpiryOf(bound.binding, material.created));
  return isPast(expires, now) ? unusable("expired") : { kind: "good", part, expires };
}

function saysToEncrypt({ keyFlags }: Pick<KeySignature, "keyFlags">): boolean {
  return keyFlags !== undefined && (keyFlags & MAY_ENCRYPT) !== 0;
}

function refusedMaterial(material: KeyMaterial, now: Date): Refusal | undefined {
  if (material.strength !== "good") return unusable(refusalOf(material.strength));
  if (!material.mayEncrypt) return unusable("no-encryption-key");
  return material.created > after(now, SKEW_MS) ? unusable("not-yet-valid") : undefined;
}

/** The first good one; else the first reason that says more than that nothing is there. */
async function firstGood<Part>(
  parts: readonly Part[],
  judgeOne: (part: Part) => Promise<Good<Part> | Refusal>,
): Promise<Good<Part> | Refusal> {
  let refusal = unusable("no-encryption-key");
  for (const part of parts) {
    const judged = await judgeOne(part);
    if (judged.kind === "good") return judged;
    if (refusal.reason === "no-encryption-key") refusal = judged;
  }
  return refusal;
}
