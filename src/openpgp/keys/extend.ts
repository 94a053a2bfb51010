import { AppError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { Bound } from "../certificates/bound.ts";
import { type Certificate, certificateOf, partsOf } from "../certificates/certificate.ts";
import { type Judged, primaryExpiryOf } from "../certificates/judged.ts";
import { type SelfSignatures, readSelfSignatures } from "../certificates/self-signatures.ts";
import { isPast, keyExpiryOf } from "../certificates/validity.ts";
import type {
  CertificateParts,
  PrimaryPart,
  SubkeyPart,
  UserPart,
} from "../packets/certificate-parts.ts";
import { keyIdOf } from "../packets/fingerprint.ts";
import { readKeyPackets } from "../packets/key-packets.ts";
import { type KeySignature, SIGNATURE_TYPE } from "../packets/key-signature.ts";
import { secretBodyFor, serializeSecret } from "../packets/secret-packets.ts";
import { signedOctets } from "../packets/signed-octets.ts";
import { type OwnKey, ownKeys } from "./own-keys.ts";
import { renewSignature } from "./renewed-signature.ts";
import type { UnlockedKey } from "./secret-key.ts";

/**
 * The same key, valid until another time: fresh self-signatures stand for those that say until when the key and its
 * subkeys count, and say otherwise the same. What is revoked stays as it is, and so do subkeys that ended before their
 * primary key. With `certificate`, that one is brought up to date, where more or less is published than was kept.
 * @throws AppError when the key is revoked, or cannot expire then
 */
export async function extendExpiry(o: {
  readonly key: UnlockedKey;
  readonly certificate?: Certificate;
  readonly expires: Date;
  readonly now: Date;
}): Promise<{
  readonly certificate: Certificate;
  /** Raw, unlocked, binary transferable secret key; the caller disposes it. */
  readonly secretKey: Secret;
}> {
  const parts = wholePartsOf(o.key.certificate);
  const signatures = await readSelfSignatures(parts);
  const [primary] = ownKeys(o.key);
  if (signatures === undefined || primary?.material.fingerprint !== o.key.fingerprint) {
    throw new AppError("an own key cannot be read", { temporary: false });
  }
  const fresh = await renewAll({ ...o, judged: { parts, signatures }, primary });
  const renewed = withRenewed(parts, fresh);
  await requireBindings(renewed, fresh);
  const published = o.certificate === undefined ? parts : wholePartsOf(o.certificate);
  using raw = o.key.secretBytes();
  const read = readKeyPackets(raw.reveal(), MAX_PACKETS);
  const packets = read.kind === "read" ? read.packets : [];
  return {
    certificate: certificateOf(withRenewed(published, fresh)),
    secretKey: serializeSecret(renewed, (body) => secretBodyFor(packets, body)),
  };
}

const MAX_PACKETS = 500;

function wholePartsOf(certificate: Certificate): CertificateParts {
  const parts = partsOf(certificate);
  if (parts === undefined) throw new AppError("an own key cannot be read", { temporary: false });
  return parts;
}

/** The new signature of a component, by what the component is. */
type Fresh = ReadonlyMap<string, KeySignature>;

type Renewal = {
  readonly judged: Judged;
  readonly primary: OwnKey;
  readonly expires: Date;
  readonly now: Date;
};

async function renewAll(o: Renewal): Promise<Fresh> {
  const { parts, signatures } = o.judged;
  if (isEnded(await signatures.primary())) {
    throw new AppError("a revoked key is not extended", { temporary: false });
  }
  const fresh = new Map([...(await renewPrimary(o)), ...(await renewSubkeys(o))]);
  const isV4 = parts.primary.material.version === 4;
  // What says until when the key itself counts: in v6 the direct-key signature, in v4 each user ID's certification.
  const carriers = isV4 ? parts.users : [parts.primary];
  if (!carriers.some(({ body }) => fresh.has(idOf(body)))) {
    throw new AppError("nothing says until when the key counts", { temporary: false });
  }
  return fresh;
}

const isEnded = ({ isUncertain, revocations }: Bound): boolean =>
  isUncertain || revocations.length > 0;

async function renewPrimary(o: Renewal): Promise<readonly (readonly [string, KeySignature])[]> {
  const { parts, signatures } = o.judged;
  const { body, material } = parts.primary;
  const isV6 = material.version === 6;
  const times = { keyCreated: material.created, keyExpires: o.expires };
  const renewed: [string, KeySignature][] = [];
  const { binding } = await signatures.primary();
  if (binding !== undefined && (isV6 || binding.keyExpiresAfterSeconds !== undefined)) {
    const signed = signedOctets({ key: body });
    renewed.push([idOf(body), renewSignature({ ...o, ...times, signature: binding, signed })]);
  }
  for (const user of parts.users) {
    const bound = await signatures.user(user);
    const signature = isEnded(bound) ? undefined : bound.binding;
    if (signature === undefined || (isV6 && signature.keyExpiresAfterSeconds === undefined))
      continue;
    const signed = signedOctets({ key: body, userId: user.body });
    renewed.push([idOf(user.body), renewSignature({ ...o, ...times, signature, signed })]);
  }
  return renewed;
}

/** Subkeys without an end of their own end with their primary key. */
async function renewSubkeys(o: Renewal): Promise<readonly (readonly [string, KeySignature])[]> {
  const { parts, signatures } = o.judged;
  const primaryExpires = await currentExpiry(o.judged);
  const renewed: [string, KeySignature][] = [];
  for (const subkey of parts.subkeys) {
    const { body, material } = subkey;
    const bound = await signatures.subkey(subkey);
    const signature = isEnded(bound) ? undefined : bound.binding;
    const expires = material && keyExpiryOf(signature, material.created);
    if (material === undefined || signature === undefined || expires === undefined) continue;
    const endedBefore =
      isPast(expires, o.now) && (primaryExpires === undefined || expires < primaryExpires);
    if (endedBefore) continue;
    const signed = signedOctets({ key: parts.primary.body, subkey: body });
    const times = { keyCreated: material.created, keyExpires: o.expires };
    renewed.push([idOf(body), renewSignature({ ...o, ...times, signature, signed })]);
  }
  return renewed;
}

async function currentExpiry(judged: Judged): Promise<Date | undefined> {
  for (const user of judged.parts.users) {
    const { binding } = await judged.signatures.user(user);
    if (binding !== undefined) return primaryExpiryOf(judged, user);
  }
  return undefined;
}

function withRenewed(parts: CertificateParts, fresh: Fresh): CertificateParts {
  const { fingerprint } = parts.primary.material;
  const isOwn = ({ issuer, issuerKeyId }: KeySignature) =>
    issuer === undefined ? issuerKeyId === keyIdOf(fingerprint) : issuer === fingerprint;
  const renew = <Part extends PrimaryPart | UserPart | SubkeyPart>(part: Part): Part => {
    const renewed = fresh.get(idOf(part.body));
    if (renewed === undefined) return part;
    const kept = part.signatures.filter((each) => !isOwn(each) || !BINDINGS.has(each.type));
    return { ...part, signatures: [...kept, renewed] };
  };
  return {
    primary: renew(parts.primary),
    users: parts.users.map(renew),
    subkeys: parts.subkeys.map(renew),
  };
}

const BINDINGS: ReadonlySet<number> = new Set([
  ...SIGNATURE_TYPE.certifications,
  SIGNATURE_TYPE.subkeyBinding,
  SIGNATURE_TYPE.directKey,
]);

/** The bodies of a primary key, of user IDs and of subkeys are never the same. */
const idOf = (body: Uint8Array): string => Buffer.from(body).toString("hex");

/** What was signed is verified before it leaves: a fault while signing would be published. */
async function requireBindings(parts: CertificateParts, fresh: Fresh): Promise<void> {
  const signatures: SelfSignatures | undefined = await readSelfSignatures(parts);
  if (signatures !== undefined) {
    const bounds = [
      [parts.primary, await signatures.primary()] as const,
      ...(await Promise.all(
        parts.users.map(async (each) => [each, await signatures.user(each)] as const),
      )),
      ...(await Promise.all(
        parts.subkeys.map(async (each) => [each, await signatures.subkey(each)] as const),
      )),
    ];
    const isRenewed = ([{ body }, { binding }]: (typeof bounds)[number]) => {
      const expected = fresh.get(idOf(body));
      return expected === undefined || binding === expected;
    };
    if (bounds.every(isRenewed)) return;
  }
  throw new AppError("a fresh self-signature does not verify", { temporary: false });
}
