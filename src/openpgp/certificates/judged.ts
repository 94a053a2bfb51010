import { type EmailAddress, formatAddress } from "../../mail/address.ts";
import type { CertificateParts, SubkeyPart, UserPart } from "../packets/certificate-parts.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import type { Bound } from "./bound.ts";
import { type Certificate, certificateOf, partsOf } from "./certificate.ts";
import { MAY_ENCRYPT, MAY_SIGN, decisive, firstSaid } from "./flags.ts";
import { type SelfSignatures, readSelfSignatures } from "./self-signatures.ts";
import { userIdMatches } from "./user-id.ts";
import { earliest, expiryOf, keyExpiryOf } from "./validity.ts";

/** Why a certificate is of no use for what was wanted. */
export type UnusableReason =
  | "revoked"
  | "expired"
  | "no-encryption-key"
  | "no-signing-key"
  | "wrong-user-id"
  | "bad-self-signature"
  | "weak-algorithm"
  /** Of an algorithm or curve that is not known here. */
  | "unsupported-algorithm"
  | "unsupported-version"
  | "unparsable"
  | "not-yet-valid";

/** A certificate with what is needed to judge it. */
export type Judged = { readonly parts: CertificateParts; readonly signatures: SelfSignatures };

/** Reduced certificates are kept and sent around: no larger than this (THREAT_MODEL.md G12). */
const MAX_REDUCED_OCTETS = 64 * 1024;
const MAX_SIGNING_SUBKEYS = 8;

/**
 * Takes a certificate apart; the reason when not even its primary key can be used. `now`: what is signed in the future does
 * not count while something older holds.
 */
export async function judgeable(
  certificate: Certificate,
  now: Date | undefined,
): Promise<Judged | UnusableReason> {
  const parts = partsOf(certificate);
  if (parts === undefined) return "unparsable";
  const { strength } = parts.primary.material;
  if (strength !== "good") return strength === "malformed" ? "unparsable" : refusalOf(strength);
  const signatures = await readSelfSignatures(parts, now);
  return signatures === undefined ? "unparsable" : { parts, signatures };
}

/** The reason for key material that is not good. */
export function refusalOf(
  strength: Exclude<KeyMaterial["strength"], "good">,
): "weak-algorithm" | "unsupported-algorithm" {
  return strength === "unsupported" ? "unsupported-algorithm" : "weak-algorithm";
}

/** User IDs that name the address; those with exactly it first, before `+` is looked through. */
export function matchingUsers(
  judged: Judged,
  address: EmailAddress,
  options: { readonly subaddress?: boolean } = {},
): readonly UserPart[] {
  const isAscii = /^[\x20-\x7e]*$/.test(formatAddress(address));
  const matching = (subaddress: boolean) =>
    judged.parts.users.filter(
      ({ userId, isLatin1 }) =>
        (isAscii || !isLatin1) && userIdMatches(userId, address, { subaddress }),
    );
  const exact = matching(false);
  return options.subaddress === false ? exact : [...new Set([...exact, ...matching(true)])];
}

/** The primary key's flags, for a user ID. */
export async function keyFlagsOf(judged: Judged, user: UserPart): Promise<number> {
  const { version } = judged.parts.primary.material;
  const direct = (await judged.signatures.primary()).binding;
  const certification = (await judged.signatures.user(user)).binding;
  return firstSaid(decisive({ version, certification, direct }), (each) => each.keyFlags) ?? 0;
}

/**
 * When the primary key expires: the earliest of what its direct-key signature, itself in v6, its user ID, and the user ID
 * that is marked as the primary one say; so RNP has it, and GnuPG where all are of one time.
 */
export async function primaryExpiryOf(judged: Judged, user: UserPart): Promise<Date | undefined> {
  const { created, version } = judged.parts.primary.material;
  const direct = (await judged.signatures.primary()).binding;
  const certification = (await judged.signatures.user(user)).binding;
  return earliest(
    keyExpiryOf(direct, created),
    keyExpiryOf(certification, created),
    await primaryUserExpiry(judged),
    version === 6 && direct !== undefined ? expiryOf(direct) : undefined,
  );
}

/** Maximum number of user IDs that are looked at because they call themselves the primary one: there is one. */
const MAX_PRIMARY_USERS = 4;

/** What the newest valid certification with the mark says of the key (RFC 9580 §5.2.3.27); a revoked one says nothing. */
async function primaryUserExpiry({ parts, signatures }: Judged): Promise<Date | undefined> {
  const claims = parts.users.filter((user) =>
    user.signatures.some(
      (each) => each.isPrimaryUserId && each.keyExpiresAfterSeconds !== undefined,
    ),
  );
  let newest: KeySignature | undefined;
  for (const user of claims.slice(0, MAX_PRIMARY_USERS)) {
    const { binding, revocations } = await signatures.user(user);
    if (binding?.isPrimaryUserId !== true || revocations.length > 0) continue;
    if (newest === undefined || binding.created >= newest.created) newest = binding;
  }
  return keyExpiryOf(newest, parts.primary.material.created);
}

/**
 * The certificate without third-party signatures, other user IDs, attributes and unbound subkeys: what remains is
 * verified. It keeps the encryption subkey and the newest signing subkeys, also expired and revoked ones, with which
 * former signatures are judged. Undefined when it is larger than 64 KiB.
 */
export async function reduce(
  { parts, signatures }: Judged,
  user: UserPart,
  encryption: SubkeyPart | undefined,
): Promise<Certificate | undefined> {
  const subkeys: SubkeyPart[] = [];
  for (const subkey of parts.subkeys) {
    const maySign = subkey.signatures.some(({ keyFlags = 0 }) => (keyFlags & MAY_SIGN) !== 0);
    const isWanted = subkey === encryption || (maySign && subkeys.length < MAX_SIGNING_SUBKEYS);
    const bound = isWanted ? await signatures.subkey(subkey) : undefined;
    if (bound?.binding === undefined) continue;
    // Nobody shall choose for encryption what was not chosen here.
    const mayEncrypt = ((bound.binding.keyFlags ?? 0) & MAY_ENCRYPT) !== 0;
    if (subkey === encryption || !mayEncrypt)
      subkeys.push({ ...subkey, signatures: verifiedSignatures(bound) });
  }
  const reduced = certificateOf({
    primary: { ...parts.primary, signatures: verifiedSignatures(await signatures.primary()) },
    users: [{ ...user, signatures: verifiedSignatures(await signatures.user(user)) }],
    subkeys,
  });
  return reduced.bytes.length <= MAX_REDUCED_OCTETS ? reduced : undefined;
}

/** The signatures of a component that were verified: its revocations and the binding that counts. */
export function verifiedSignatures({
  revocations,
  binding,
}: Bound): CertificateParts["primary"]["signatures"] {
  return binding === undefined ? revocations : [...revocations, binding];
}
