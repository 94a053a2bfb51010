/**
 * Taking over a secret key that a user brings along, from whatever software: read with our own code and limits, judged,
 * unlocked, proven to belong together, and written down as our own keys are. Everything hostile ends here, before the
 * library or OpenSSL see it.
 */
import { setImmediate } from "node:timers/promises";

import { AppError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { EmailAddress } from "../../mail/address.ts";
import { type Certificate, certificateOf, partsOf } from "../certificates/certificate.ts";
import { firstSaid, selfSignaturesOf } from "../certificates/flags.ts";
import { judgeImport } from "../certificates/import-certificate.ts";
import type { ImportRefusal } from "../certificates/import-refusal.ts";
import { checkSigner } from "../certificates/signer.ts";
import { ownKeys } from "../keys/own-keys.ts";
import { genericRevocationFor } from "../keys/revocation.ts";
import { type UnlockedKey, readSecretKey } from "../keys/secret-key.ts";
import { readTransferableSecretKey } from "../keys/transferable-secret-key.ts";
import { decrypt } from "../messages/decrypt.ts";
import { signAndEncrypt } from "../messages/encrypt.ts";
import { verifySignature } from "../messages/verify.ts";
import type { CertificateParts } from "../packets/certificate-parts.ts";
import { serializeSecret } from "../packets/secret-packets.ts";
import { normalise } from "./normalised-key.ts";
import { provesItsSecret } from "./secret-fit.ts";
import { unlockAll } from "./unlocked-secrets.ts";

export { type ImportRefusal, explainRefusal } from "../certificates/import-refusal.ts";

/** What becomes of a secret key that a user brings along. */
export type ImportedSecretKey =
  | {
      readonly kind: "importable";
      /**
       * Raw, unlocked, binary transferable secret key with nothing in it that was not proven; it has all of its owner's
       * user IDs that say of the key what the published one says. The caller disposes it.
       */
      readonly secretKey: Secret;
      /** What is to be published: one user ID, which is the address, and what is usable. */
      readonly certificate: Certificate;
      /** Binary revocation signature of reason 0, to be kept wrapped before the certificate is published. */
      readonly genericRevocation: Uint8Array;
      readonly expires: Date | undefined;
    }
  | { readonly kind: "refused"; readonly reason: ImportRefusal };

/**
 * Reads, judges, unlocks and proves a secret key for an address, armored or binary; `passphrase` stays the caller's and is
 * not looked at when the key is not locked. Limits: those of `readTransferableSecretKey`, 12 keys, and what `isCostly` says of
 * the time that unlocking takes; RSA from 3072 bits.
 */
export async function importSecretKey(o: {
  readonly bytes: Uint8Array;
  readonly passphrase: Secret | undefined;
  readonly address: EmailAddress;
  readonly now: Date;
}): Promise<ImportedSecretKey> {
  const read = readTransferableSecretKey(o.bytes);
  if (typeof read === "string") return refused(read);
  const judged = await judgeImport(certificateOf(read.parts), o.address, o.now);
  if (judged.kind === "refused") {
    return refused(judged.reason === "secret-key" ? "malformed" : judged.reason);
  }
  const { certificate, expires } = judged;
  const kept = await normalise(read, { published: certificate, address: o.address, now: o.now });
  if (typeof kept === "string") return refused(kept);
  const secrets = await unlockAll(kept.keys, o.passphrase);
  if (typeof secrets === "string") return refused(secrets);
  using unlocked = secrets;
  const secretKey = serializeSecret(agreeing(kept.parts, certificate), unlocked.bodyFor);
  const proof = { ...o, certificate, keys: kept.keys.length };
  const genericRevocation = await proveAndRevoke(secretKey, proof);
  if (typeof genericRevocation !== "string") {
    return { kind: "importable", secretKey, certificate, genericRevocation, expires };
  }
  secretKey[Symbol.dispose]();
  return refused(genericRevocation);
}

const refused = (reason: ImportRefusal): ImportedSecretKey => ({ kind: "refused", reason });

/**
 * Without the user IDs that say otherwise than the published one what the primary key is for: in v4 it is the newest that
 * we sign by (RFC 9580 §5.2.3.10), and others see the published one alone.
 */
function agreeing(parts: CertificateParts, certificate: Certificate): CertificateParts {
  const published = partsOf(certificate);
  const flagsIn = (some: CertificateParts) =>
    firstSaid(selfSignaturesOf(some), ({ keyFlags }) => keyFlags);
  const keyFlags = published && flagsIn(published);
  const isAgreeing = (user: CertificateParts["users"][number]) =>
    flagsIn({ ...parts, users: [user] }) === keyFlags;
  const isV4 = certificate.version === 4;
  return isV4 ? { ...parts, users: parts.users.filter(isAgreeing) } : parts;
}

type Proof = {
  readonly certificate: Certificate;
  readonly keys: number;
  readonly address: EmailAddress;
  readonly now: Date;
};

/** The generic revocation of a key all of whose secrets belong to their public keys, and which does its work. */
async function proveAndRevoke(secretKey: Secret, o: Proof): Promise<Uint8Array | ImportRefusal> {
  using key = await orNothing(readSecretKey(secretKey));
  const own = key === undefined ? [] : ownKeys(key);
  if (key === undefined || own.length !== o.keys) return "mismatched-parts";
  for (const each of own) {
    if (!(await provesItsSecret(each, o.now))) return "mismatched-parts";
    // Others get a turn between two keys: one of RSA with 8192 bits takes most of a tenth of a second.
    await setImmediate();
  }
  if (!(await sealsToItself(key, o))) return "no-signing-key";
  // Awaited here, while the key is there.
  return await genericRevocationFor(key, o.now);
}

/** Whether a message, sealed by the key to the certificate that is to be published, opens and is the address's own. */
async function sealsToItself(key: UnlockedKey, o: Proof): Promise<boolean> {
  const { certificate } = o;
  const data = Buffer.from("the message path", "latin1");
  const dates = ownKeys(key).map(({ material }) => material.created);
  // A key may be a little ahead of us, and signs nothing before it was made.
  const now = dates.reduce((latest, date) => (date > latest ? date : latest), o.now);
  const to = { recipients: [certificate], intended: [certificate.fingerprint] };
  const message = await orNothing(signAndEncrypt({ data, signer: key, ...to, now }));
  const opened = message && (await decrypt({ message, keys: [key] }));
  const signature = opened?.kind === "decrypted" ? opened.signatures[0] : undefined;
  const signedAt = signature?.created;
  if (signature === undefined || signedAt === undefined) return false;
  const check = await verifySignature({ data, signature, certificate, now });
  if (check.kind === "invalid") return false;
  const signer = { keyFingerprint: check.keyFingerprint, signedAt };
  return (await checkSigner(certificate, o.address, signer, { now })).kind === "bound";
}

/** What comes of it; undefined where our own rules or the library find a fault with a key. */
async function orNothing<Value>(coming: Promise<Value>): Promise<Value | undefined> {
  try {
    return await coming;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
