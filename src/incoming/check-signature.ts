/** Whether the signatures of a message are its author's, from the author's own domain's keyserver and in time. */
import { after, DAY, MINUTE } from "../base/time.ts";
import type { Discovery, FormerKey } from "../discovery/outcome.ts";
import type { EmailAddress } from "../mail/address.ts";
import { checkSigner } from "../openpgp/acceptance.ts";
import type { Certificate } from "../openpgp/certificate.ts";
import { keyIdOf, type Fingerprint } from "../openpgp/fingerprint.ts";
import { verifySignature, type SignatureFacts } from "../openpgp/verify.ts";

/** Where certificates of authors come from. */
export type AuthorDeps = {
  /** The certificate of an author, from what is known (never asked because of what was found inside). */
  readonly discoverAuthor: (author: EmailAddress) => Promise<Discovery>;
  /** What is kept of a key of the author; nobody is asked for it. */
  readonly findKept?: (
    author: EmailAddress,
    fingerprint: Fingerprint,
  ) => Promise<FormerKey | undefined>;
  /** A former certificate of the author by fingerprint, from his own domain's keyserver. */
  readonly findFormer: (author: EmailAddress, fingerprint: Fingerprint) => Promise<FormerKey>;
};

/** What was signed, by whom it claims to be, and when it came. */
export type Signed = {
  /** The bytes that were signed. */
  readonly signed: Uint8Array;
  readonly signatures: readonly SignatureFacts[];
  readonly receivedAt: Date;
};

/** Only `verified` is worth anything; the others differ in what is said in details and tried again. */
export type Check =
  | {
      readonly kind: "verified";
      readonly author: EmailAddress;
      readonly fingerprint: Fingerprint;
      readonly note: string | undefined;
    }
  | { readonly kind: "none" | "invalid" | "unknown" | "later"; readonly reason: string };

/** A signature may be this much newer than its message's arrival: clocks differ. */
const CLOCK_SKEW_MS = 10 * MINUTE;
/** A signature further than this from the message's own Date was made for another occasion. */
const SIGNATURE_WINDOW_MS = DAY;
/** Several signatures count only if every one of them is good: a mixed list is not a signature. */
export async function checkSignature(
  deps: AuthorDeps,
  judged: Signed,
  date: Date | undefined,
  outerAuthor: EmailAddress | undefined,
  author: EmailAddress | undefined,
): Promise<Check> {
  if (judged.signatures.length === 0) return { kind: "none", reason: "no signature" };
  if (author === undefined) return { kind: "invalid", reason: "not exactly one author" };
  if (outerAuthor?.domain !== author.domain) {
    // Asking another domain because of what was found inside would tell its keyserver who reads what.
    return { kind: "unknown", reason: "the protected author has another domain" };
  }
  const discovery = await deps.discoverAuthor(author);
  if (hasNoService(discovery)) return { kind: "unknown", reason: discovery.code };
  let last: Check = { kind: "none", reason: "no signature" };
  for (const signature of judged.signatures) {
    const timing = timingFault(signature, date, judged.receivedAt);
    last =
      timing === undefined
        ? await checkOne(deps, judged, signature, author, discovery)
        : { kind: "invalid", reason: timing };
    if (last.kind !== "verified") return last;
  }
  return last;
}

async function checkOne(
  deps: AuthorDeps,
  { signed: data, receivedAt: now }: Signed,
  signature: SignatureFacts,
  author: EmailAddress,
  discovery: Discovery,
): Promise<Check> {
  if (signature.isWeak || signature.created === undefined) {
    return { kind: "invalid", reason: "weak" };
  }
  const found = await findSigner(deps, author, signature, discovery, now);
  if (found.kind === "absent") {
    const isOther = discovery.kind === "found";
    return { kind: "unknown", reason: isOther ? "signed by another key" : discovery.code };
  }
  if (found.kind === "unreachable") return { kind: "later", reason: found.reason };
  const { certificate, revoked } = found;
  if (revoked !== undefined && (revoked.isHard || revoked.at <= signature.created)) {
    return { kind: "invalid", reason: revoked.isHard ? "hard-revoked" : "revoked-before" };
  }
  const verified = await verifySignature({ data, signature, certificate, now });
  if (verified.kind === "invalid") return { kind: "invalid", reason: verified.reason };
  const bound = await checkSigner(certificate, author, {
    keyFingerprint: verified.keyFingerprint,
    signedAt: signature.created,
  });
  return bound.kind === "bound"
    ? { kind: "verified", author, fingerprint: certificate.fingerprint, note: bound.note }
    : { kind: "invalid", reason: bound.reason };
}

/**
 * An older message may be signed by a key that was replaced, retired or has expired since: what is kept of it, or else
 * what only the author's own keyserver knows.
 */
async function findSigner(
  deps: AuthorDeps,
  author: EmailAddress,
  signature: SignatureFacts,
  discovery: Discovery,
  receivedAt: Date,
): Promise<FormerKey> {
  const current = certificateAt(discovery, receivedAt);
  if (current !== undefined && isFrom(signature, current)) {
    return { kind: "found", certificate: current };
  }
  const former = await findIssuer(deps, author, signature);
  const isUnsure =
    former.kind === "found"
      ? isTooOld(former.keptAt, receivedAt)
      : // Whom nobody could ask by address may yet have it.
        former.kind === "absent" && discovery.kind === "unreachable";
  return isUnsure ? { kind: "unreachable", reason: discovery.code } : former;
}

async function findIssuer(
  deps: AuthorDeps,
  author: EmailAddress,
  { issuer }: SignatureFacts,
): Promise<FormerKey> {
  if (issuer === undefined) return { kind: "absent" };
  const kept = await deps.findKept?.(author, issuer);
  return kept?.kind === "found" ? kept : deps.findFormer(author, issuer);
}

function certificateAt(discovery: Discovery, receivedAt: Date): Certificate | undefined {
  if (discovery.kind !== "found") return undefined;
  const isOld = discovery.source === "kept" && isTooOld(discovery.fetchedAt, receivedAt);
  return isOld ? undefined : discovery.certificate;
}

/** A key that was last served a day before the message came may have been withdrawn by then. */
function isTooOld(servedAt: Date | undefined, receivedAt: Date): boolean {
  return servedAt !== undefined && servedAt < after(receivedAt, -DAY);
}

function hasNoService(discovery: Discovery): boolean {
  return discovery.code === "NOSVC" || discovery.code === "INSEC";
}

function isFrom(signature: SignatureFacts, certificate: Certificate): boolean {
  const keys = [certificate.fingerprint, ...certificate.subkeyFingerprints];
  return signature.issuer === undefined
    ? keys.some((key) => keyIdOf(key) === signature.issuerKeyId)
    : keys.includes(signature.issuer);
}

function timingFault(
  { created, expires }: SignatureFacts,
  date: Date | undefined,
  receivedAt: Date,
): string | undefined {
  if (created === undefined) return "no creation time";
  if (created > after(receivedAt, CLOCK_SKEW_MS)) return "signed after it arrived";
  if (expires !== undefined && expires <= receivedAt) return "expired when it arrived";
  if (date === undefined) return "the message has no date";
  const isFar =
    created < after(date, -SIGNATURE_WINDOW_MS) || created > after(date, SIGNATURE_WINDOW_MS);
  return isFar ? "signed at another time than the message's date" : undefined;
}
