import { asBuffer } from "../../base/bytes.ts";
import type { CertificateParts } from "../packets/certificate-parts.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import { signatureId } from "../packets/same-signature.ts";
import { type Certificate, parseCertificates, partsOf } from "./certificate.ts";
import {
  ALL_REVOCATIONS,
  MAX_REVOCATIONS,
  type RevokedPart,
  bareRevocations,
  mergeRevocations,
} from "./merge-revocations.ts";
import { type KeyRevocation, revocationOf } from "./signer.ts";

/** The first of a user's certificates that an upload revokes or revokes a part of, with that merged into it. */
export type Revoked = {
  readonly certificate: Certificate;
  /** Of the key itself; `none` when only parts of it are revoked. */
  readonly revoked: KeyRevocation;
  /** What the upload is for. */
  readonly parts: readonly RevokedPart[];
  /** Those of them that were not known before. */
  readonly added: readonly RevokedPart[];
};

/**
 * Which of a user's certificates an uploaded revocation is for, of the whole key, of a subkey or of a user ID; undefined
 * when it is for none of them or no revocation at all. Beside the forms of `applyRevocation` it takes a whole certificate
 * that carries its revocations. GnuPG has only this form for revocations of subkeys and user IDs.
 */
export async function whichRevoked(
  certificates: readonly Certificate[],
  upload: Uint8Array,
): Promise<Revoked | undefined> {
  const bare = bareRevocations(upload, ALL_REVOCATIONS);
  const uploaded = bare === undefined ? await parseCertificates(upload) : undefined;
  const whole = uploaded?.kind === "parsed" ? uploaded.certificates : [];
  for (const certificate of certificates) {
    const signatures = bare ?? revocationsWithin(whole, certificate);
    const merged = await mergeRevocations(certificate, signatures);
    if (merged === undefined) continue;
    return { ...merged, revoked: await revocationOf(merged.certificate) };
  }
  return undefined;
}

/** A whole certificate has those of all its parts, of years. */
const MAX_WITHIN = 4 * MAX_REVOCATIONS;

/** The revocations of components that both have, in certificates of the same key; those that are new first. */
function revocationsWithin(
  uploaded: readonly Certificate[],
  certificate: Certificate,
): readonly KeySignature[] {
  const parts = partsOf(certificate);
  const own = parts === undefined ? [] : componentsOf(parts);
  const isOwn = (body: Uint8Array) => own.some((each) => asBuffer(each.body).equals(body));
  const known = new Set(own.flatMap(({ signatures }) => signatures.map(signatureId)));
  const found = uploaded
    .filter(({ fingerprint }) => fingerprint === certificate.fingerprint)
    .flatMap((each) => partsOf(each) ?? [])
    .flatMap((parts) => componentsOf(parts).filter(({ body }) => isOwn(body)))
    .flatMap(({ signatures }) => signatures.filter(({ type }) => ALL_REVOCATIONS.has(type)))
    .filter(({ issuer }) => issuer === undefined || issuer === certificate.fingerprint);
  return found
    .toSorted((a, b) => Number(known.has(signatureId(a))) - Number(known.has(signatureId(b))))
    .slice(0, MAX_WITHIN);
}

function componentsOf({
  primary,
  users,
  subkeys,
}: CertificateParts): readonly Pick<CertificateParts["primary"], "body" | "signatures">[] {
  return [primary, ...subkeys, ...users];
}
