import type { EmailAddress } from "../../mail/address.ts";
import type { UserPart } from "../packets/certificate-parts.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import type { Bound } from "./bound.ts";
import { type Certificate, partsOf } from "./certificate.ts";
import { MAY_SIGN } from "./flags.ts";
import {
  type Judged,
  type UnusableReason,
  judgeable,
  keyFlagsOf,
  matchingUsers,
  primaryExpiryOf,
  refusalOf,
} from "./judged.ts";
import { readSelfSignatures, UNBOUND } from "./self-signatures.ts";
import { earliest, expiryOf, isHard, isPast, keyExpiryOf, revocationAt } from "./validity.ts";

/** What made a signature, as its mathematics proved it. */
export type Signer = {
  /** Of the primary key or the subkey. */
  readonly keyFingerprint: Fingerprint;
  readonly signedAt: Date;
};

/** Whether a signature is that of an address. */
export type SignerCheck =
  | {
      readonly kind: "bound";
      /** How the key, its user ID or its subkey ended after it signed. */
      readonly ended?: KeyEnd;
    }
  | {
      readonly kind: "not-bound";
      readonly reason: UnusableReason | "hard-revoked" | "revoked-before" | "expired-when-made";
    };

/** `superseded` is a soft revocation of reason 1; `retired` is every other soft one (RFC 9580 §5.2.3.31). */
export type KeyEnd = { readonly how: "superseded" | "retired" | "expired"; readonly at: Date };

type NotBound = Extract<SignerCheck, { kind: "not-bound" }>;

/**
 * Whether a certificate binds the key that signed to an address, judged at the time of the signature: expiry and soft
 * revocations at that time, hard ones at any time. `now`, when given, tells what has expired
 * since. Without `subaddress` the certificate of `ada@` does not serve `ada+x@`. The mathematics of the signature itself is
 * `verify.ts`.
 */
export async function checkSigner(
  certificate: Certificate,
  address: EmailAddress,
  signer: Signer,
  options: { readonly now?: Date; readonly subaddress?: boolean } = {},
): Promise<SignerCheck> {
  const { now, subaddress = true } = options;
  const judged = await judgeable(certificate, now);
  if (typeof judged === "string") return notBound(judged);
  const users = matchingUsers(judged, address, { subaddress });
  if (users.length === 0) return notBound("wrong-user-id");
  let check: SignerCheck = notBound("wrong-user-id");
  for (const user of users) {
    check = await checkForUser(judged, user, signer, now);
    if (check.kind === "bound") return check;
  }
  return check;
}

const notBound = (reason: NotBound["reason"]): NotBound => ({ kind: "not-bound", reason });

async function checkForUser(
  judged: Judged,
  user: UserPart,
  signer: Signer,
  now: Date | undefined,
): Promise<SignerCheck> {
  const { material } = judged.parts.primary;
  const { signedAt, keyFingerprint } = signer;
  const primary = await judged.signatures.primary();
  const certification = await judged.signatures.user(user);
  if (certification.binding === undefined) {
    return notBound(certification.isWeak ? "weak-algorithm" : "bad-self-signature");
  }
  if (material.version === 6 && primary.binding === undefined)
    return notBound("bad-self-signature");
  const key =
    keyFingerprint === material.fingerprint
      ? { material, keyFlags: await keyFlagsOf(judged, user), bound: UNBOUND }
      : await signingSubkey(judged, keyFingerprint);
  if (key === undefined) return notBound("no-signing-key");
  if (key.material.strength !== "good") return notBound(refusalOf(key.material.strength));
  if (!key.material.maySign || (key.keyFlags & MAY_SIGN) === 0) return notBound("no-signing-key");
  if (signedAt < key.material.created) return notBound("not-yet-valid");
  const bounds = [primary, certification, key.bound];
  const expires = earliest(
    await primaryExpiryOf(judged, user),
    keyExpiryOf(key.bound.binding, key.material.created),
    ...bindingsOf([certification, key.bound]).map(expiryOf),
  );
  return checkTimes(bounds, expires, signedAt, now);
}

const bindingsOf = (bounds: readonly Bound[]): readonly KeySignature[] =>
  bounds.flatMap(({ binding }) => binding ?? []);

async function signingSubkey(
  { parts, signatures }: Judged,
  fingerprint: Fingerprint,
): Promise<
  { readonly material: KeyMaterial; readonly keyFlags: number; readonly bound: Bound } | undefined
> {
  const subkey = parts.subkeys.find((each) => each.material?.fingerprint === fingerprint);
  const bound = subkey && (await signatures.subkey(subkey));
  if (subkey?.material === undefined || bound?.binding === undefined) return undefined;
  return { material: subkey.material, keyFlags: bound.binding.keyFlags ?? 0, bound };
}

function checkTimes(
  bounds: readonly Bound[],
  expires: Date | undefined,
  signedAt: Date,
  now: Date | undefined,
): SignerCheck {
  const revoked = bounds.map((bound) => revocationAt(bound, signedAt));
  if (revoked.includes("hard")) return notBound("hard-revoked");
  if (revoked.includes("before")) return notBound("revoked-before");
  if (isPast(expires, signedAt)) return notBound("expired-when-made");
  const soft = firstEnd(bounds);
  if (soft !== undefined) return { kind: "bound", ended: soft };
  return expires !== undefined && now !== undefined && isPast(expires, now)
    ? { kind: "bound", ended: { how: "expired", at: expires } }
    : { kind: "bound" };
}

/** The earliest of several soft revocations counts. */
function firstEnd(bounds: readonly Bound[]): KeyEnd | undefined {
  const [first] = bounds
    .flatMap(({ revocations }) => revocations)
    .toSorted((a, b) => a.created.getTime() - b.created.getTime());
  if (first === undefined) return undefined;
  return { how: howEnded(first.reason?.code ?? 0), at: first.created };
}

/** How a key ended by a soft revocation with this reason. */
export function howEnded(reasonCode: number): "superseded" | "retired" {
  return reasonCode === SUPERSEDED ? "superseded" : "retired";
}

const SUPERSEDED = 1;

/** A revocation that the primary key itself made of itself. */
export type OwnRevocation = {
  readonly at: Date;
  readonly reasonCode: number;
  readonly isHard: boolean;
};

/** Those that a certificate carries and that verify, the newest first. */
export async function revocationsOf(certificate: Certificate): Promise<readonly OwnRevocation[]> {
  const parts = partsOf(certificate);
  const signatures = parts && (await readSelfSignatures(parts));
  if (signatures === undefined) return [];
  return (await signatures.primary()).revocations.map((revocation) => ({
    at: revocation.created,
    reasonCode: revocation.reason?.code ?? 0,
    isHard: isHard(revocation),
  }));
}

/** Whether and how the primary key itself is revoked. */
export type KeyRevocation =
  | { readonly kind: "none" }
  | { readonly kind: "soft" | "hard"; readonly at: Date; readonly reasonCode: number };

/**
 * The revocation of a certificate that weighs most: the oldest hard one, else the oldest soft one; only those that
 * verify count. A certificate that cannot be read counts as revoked.
 */
export async function revocationOf(certificate: Certificate): Promise<KeyRevocation> {
  const parts = partsOf(certificate);
  const signatures = parts && (await readSelfSignatures(parts));
  if (signatures === undefined) return { kind: "hard", at: certificate.created, reasonCode: 0 };
  const { revocations, isUncertain } = await signatures.primary();
  const oldest = revocations.findLast(isHard) ?? revocations.at(-1);
  if (oldest !== undefined) {
    const kind = isHard(oldest) ? "hard" : "soft";
    return { kind, at: oldest.created, reasonCode: oldest.reason?.code ?? 0 };
  }
  return isUncertain ? { kind: "hard", at: certificate.created, reasonCode: 0 } : { kind: "none" };
}
