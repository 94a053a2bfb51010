/**
 * What we may tell the reader of a message: facts from opening it and what looking for its author's certificate came
 * to, turned into one verdict. A verdict is never better than its evidence: every step that is not proven ends in
 * `ENCRYPTED_UNVERIFIED` (or, without encryption, `UNPROTECTED`), and a bad signature looks like none (RFC 9787 §6.2).
 */
import { after, DAY, MINUTE } from "../base/time.ts";
import type { Discovery, FormerKey } from "../discovery/discovery.ts";
import {
  formatAddress,
  sameAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import type { Header } from "../mail/header.ts";
import { readMessageFacts, type MessageFacts } from "../mail/message.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { checkSigner } from "../openpgp/acceptance.ts";
import type { Certificate } from "../openpgp/certificate.ts";
import { keyIdOf, type Fingerprint } from "../openpgp/fingerprint.ts";
import { verifySignature, type SignatureFacts } from "../openpgp/verify.ts";

/** What opening (or, for a bare signature, splitting) a message gave. */
export type Judged = {
  readonly isEncrypted: boolean;
  /** The header that travelled outside, as received. */
  readonly outer: Header;
  /** The protected header where there is one, else the outer one. */
  readonly protectedHeader: Header;
  /** The bytes that were signed. */
  readonly signed: Uint8Array;
  readonly signatures: readonly SignatureFacts[];
  readonly receivedAt: Date;
};

export type Reader = {
  readonly addresses: readonly EmailAddress[];
  readonly fingerprints: readonly Fingerprint[];
};

export type JudgeDeps = {
  /** The certificate of an author, from what is known (never asked because of what was found inside). */
  readonly discoverAuthor: (author: EmailAddress) => Promise<Discovery>;
  /** A former certificate of the author by fingerprint, from his own domain's keyserver. */
  readonly findFormer: (author: EmailAddress, fingerprint: Fingerprint) => Promise<FormerKey>;
};

type Check =
  | {
      readonly kind: "verified";
      readonly fingerprint: Fingerprint;
      readonly note: string | undefined;
    }
  | { readonly kind: "none" | "invalid" | "unknown" | "later"; readonly reason: string };

/** A signature may be this much newer than its message's arrival: clocks differ. */
const CLOCK_SKEW_MS = 10 * MINUTE;
/** A signature further than this from the message's own Date was made for another occasion. */
const SIGNATURE_WINDOW_MS = DAY;
/** An older signature is shown with its age: somebody may be replaying it. */
const OLD_SIGNATURE_MS = 7 * DAY;

export async function judge(
  deps: JudgeDeps,
  reader: Reader,
  judged: Judged,
): Promise<Omit<MessageVerdict, "scan" | "checkedAt">> {
  const outer = readMessageFacts(judged.outer);
  const inner = readMessageFacts(judged.protectedHeader);
  const outerAuthor = onlyAuthor(outer);
  const author = onlyAuthor(inner);
  const check = await checkSignature(deps, judged, inner, outerAuthor, author);

  const isMismatch =
    outerAuthor === undefined || author === undefined || !sameAddress(outerAuthor, author);
  const isAddressed = !judged.isEncrypted || isMeantFor(reader, inner, judged.signatures);
  const warnings = [
    ...(isMismatch && check.kind !== "verified" ? ["FROM_MISMATCH"] : []),
    ...(isAddressed ? [] : ["NOT_ADDRESSED"]),
    ...(isOld(judged) ? ["OLD_SIGNATURE"] : []),
  ];
  const isSecure = check.kind === "verified" && isAddressed;
  return {
    state: judged.isEncrypted
      ? isSecure
        ? "CONFIDENTIAL"
        : "ENCRYPTED_UNVERIFIED"
      : isSecure
        ? "VERIFIED"
        : "UNPROTECTED",
    warnings,
    signature: check.kind,
    signer: check.kind === "verified" && author !== undefined ? formatAddress(author) : undefined,
    fingerprint: check.kind === "verified" ? check.fingerprint : undefined,
    check: check.kind === "later" ? "later" : "done",
    evidence: evidenceOf(check),
  };
}

function evidenceOf(check: Check): Readonly<Record<string, string>> {
  if (check.kind !== "verified") return { reason: check.reason };
  return check.note === undefined ? {} : { note: check.note };
}

/** Exactly one From field with exactly one address, or nobody: two authors are none. */
function onlyAuthor({ from }: MessageFacts): EmailAddress | undefined {
  return from?.length === 1 ? from[0]?.address : undefined;
}

/** Several signatures count only if every one of them is good: a mixed list is not a signature. */
async function checkSignature(
  deps: JudgeDeps,
  judged: Judged,
  inner: MessageFacts,
  outerAuthor: EmailAddress | undefined,
  author: EmailAddress | undefined,
): Promise<Check> {
  if (judged.signatures.length === 0) return { kind: "none", reason: "no signature" };
  if (author === undefined) return { kind: "invalid", reason: "not exactly one author" };
  if (outerAuthor?.domain !== author.domain) {
    // Asking another domain because of what was found inside would tell its keyserver who reads what (ruling 5).
    return { kind: "unknown", reason: "the protected author has another domain" };
  }
  const discovery = await deps.discoverAuthor(author);
  if (discovery.kind === "absent") return { kind: "unknown", reason: discovery.code };
  if (discovery.kind === "unreachable") return { kind: "later", reason: discovery.code };
  let last: Check = { kind: "none", reason: "no signature" };
  for (const signature of judged.signatures) {
    const timing = timingFault(signature, inner.date, judged.receivedAt);
    last =
      timing === undefined
        ? await checkOne(deps, judged.signed, signature, author, discovery.certificate)
        : { kind: "invalid", reason: timing };
    if (last.kind !== "verified") return last;
  }
  return last;
}

async function checkOne(
  deps: JudgeDeps,
  data: Uint8Array,
  signature: SignatureFacts,
  author: EmailAddress,
  current: Certificate,
): Promise<Check> {
  if (signature.isWeak || signature.created === undefined) {
    return { kind: "invalid", reason: "weak" };
  }
  const found = isFrom(signature, current)
    ? { kind: "found" as const, certificate: current }
    : await findSigner(deps, author, signature);
  if (found.kind === "absent") return { kind: "unknown", reason: "signed by another key" };
  if (found.kind === "unreachable") return { kind: "later", reason: found.reason };
  const { certificate } = found;
  const verified = await verifySignature({ data, signature, certificate });
  if (verified.kind === "invalid") return { kind: "invalid", reason: verified.reason };
  const bound = await checkSigner(certificate, author, {
    keyFingerprint: verified.keyFingerprint,
    signedAt: signature.created,
  });
  return bound.kind === "bound"
    ? { kind: "verified", fingerprint: certificate.fingerprint, note: bound.note }
    : { kind: "invalid", reason: bound.reason };
}

/** An older message may be signed by a key that was replaced since: only the author's own keyserver knows it. */
async function findSigner(
  deps: JudgeDeps,
  author: EmailAddress,
  { issuer }: SignatureFacts,
): Promise<FormerKey> {
  return issuer === undefined ? { kind: "absent" } : deps.findFormer(author, issuer);
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
  if (date === undefined) return undefined;
  const isFar =
    created < after(date, -SIGNATURE_WINDOW_MS) || created > after(date, SIGNATURE_WINDOW_MS);
  return isFar ? "signed at another time than the message's date" : undefined;
}

function isOld({ signatures, receivedAt }: Judged): boolean {
  return signatures.some(
    ({ created }) => created !== undefined && created < after(receivedAt, -OLD_SIGNATURE_MS),
  );
}

/**
 * Against a message that was forwarded under a seal of its receiver's own making (surreptitious forwarding): the
 * signature names its intended recipients (RFC 9580 §5.2.3.36), or the reader stands in the protected To or Cc.
 */
function isMeantFor(
  reader: Reader,
  { to, cc }: MessageFacts,
  signatures: readonly SignatureFacts[],
): boolean {
  const intended = signatures.flatMap((signature) => signature.intended);
  if (intended.length > 0) return intended.some((one) => reader.fingerprints.includes(one));
  const visible = [...to, ...cc].map(({ address }) => withoutSubaddress(address));
  return reader.addresses.some((own) => visible.some((address) => sameAddress(own, address)));
}
