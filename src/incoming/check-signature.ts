/**
 * Whether the signatures of a message are its author's: made by a key that the author's own domain confirms for the
 * address, in time, and while that key was in use.
 */
import { unlessTooCostly } from "../base/errors.ts";
import { after, DAY, HOUR, MINUTE } from "../base/time.ts";
import type { AuthorAnswer, AuthorKeyAnswer } from "../discovery/author.ts";
import type { Revocation } from "../discovery/revocations.ts";
import type { EmailAddress } from "../mail/address.ts";
import { howEnded, type KeyEnd } from "../openpgp/certificates/acceptance.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { isHardReason } from "../openpgp/certificates/validity.ts";
import type { SignatureFacts } from "../openpgp/messages/signature-facts.ts";
import { type CertificateWork, certificateWorkHere } from "../openpgp/openpgp.ts";
import { keyIdOf, type Fingerprint } from "../openpgp/packets/fingerprint.ts";

/** Where certificates of authors come from. Each answer was confirmed for mail that arrived at `arrivedAt`. */
export type AuthorDeps = {
  /** What the author's domain says of the address (never asked because of what was found inside). */
  readonly askAuthor: (author: EmailAddress, arrivedAt: Date) => Promise<AuthorAnswer>;
  /** What it says of a key that it does not serve for the address, by fingerprint. */
  readonly askAuthorKey: (
    author: EmailAddress,
    fingerprint: Fingerprint,
    arrivedAt: Date,
  ) => Promise<AuthorKeyAnswer>;
  /** Checks signatures where that keeps nobody waiting; default: here. */
  readonly certificateWork?: CertificateWork;
};

/** What was signed, by whom it claims to be, and when it came. */
export type Signed = {
  /** The bytes that were signed. */
  readonly signed: Uint8Array;
  readonly signatures: readonly SignatureFacts[];
  readonly receivedAt: Date;
};

/** What was found out about a signature that is the author's. */
export type Verified = {
  readonly kind: "verified";
  readonly author: EmailAddress;
  readonly fingerprint: Fingerprint;
  /** The key is no longer in use, and was when it signed. */
  readonly formerKey: KeyEnd | undefined;
};

/** Only `verified` is worth anything; the others differ in what is said in details and tried again. */
export type Check =
  | Verified
  | {
      readonly kind: "none" | "invalid" | "unknown" | "later";
      readonly reason: string;
      /** Set where the signature is too old for a message without a protected date. */
      readonly isOld?: true;
    };
type Refusal = Exclude<Check, Verified>;

/** A signature may be this much newer than its message's arrival: clocks differ. */
const CLOCK_SKEW_MS = 10 * MINUTE;
/** A signature further than this from the message's protected date was made for another occasion. */
const DATE_WINDOW_MS = DAY;
/** Without a protected date, how long before the arrival a signature may have been made. */
const ARRIVAL_WINDOW_MS = 5 * DAY;
/** How long after a key was superseded mail that it signed may still be on its way. */
const SUPERSEDED_MS = 5 * DAY;
/** The same for a key that ended without a successor. */
const RETIRED_MS = HOUR;

/** Several signatures count only if every one of them is good: a mixed list is not a signature. */
export async function checkSignature(
  deps: AuthorDeps,
  judged: Signed,
  /** The date that the signature covers. */
  date: Date | undefined,
  outerAuthor: EmailAddress | undefined,
  author: EmailAddress | undefined,
): Promise<Check> {
  if (judged.signatures.length === 0) return refused("none", "no signature");
  if (author === undefined) return refused("invalid", "not exactly one author");
  if (outerAuthor?.domain !== author.domain) {
    // Asking another domain because of what was found inside would tell its keyserver who reads what.
    return refused("unknown", "the protected author has another domain");
  }
  const answer = await deps.askAuthor(author, judged.receivedAt);
  if (answer.kind === "unreachable") return refused("later", answer.reason);
  if (answer.code === "NOSVC" || answer.code === "INSEC") return refused("unknown", answer.code);
  let last: Check = refused("none", "no signature");
  for (const signature of judged.signatures) {
    last =
      unknownKind(signature) ??
      timingFault(signature, date, judged.receivedAt) ??
      (await unlessTooCostly(checkOne(deps, judged, signature, author, answer), TOO_COSTLY));
    if (last.kind !== "verified") return last;
  }
  return last;
}

/** One that cannot be read, or that its message announced as another, is no signature of anybody. */
function unknownKind({ hash }: SignatureFacts): Refusal | undefined {
  return hash === "unknown" ? refused("unknown", "of a kind that is not known") : undefined;
}

function refused(kind: Refusal["kind"], reason: string): Refusal {
  return { kind, reason };
}

/** Who made it so is not known to be its author; in three days at most nobody tries again. */
const TOO_COSTLY = refused("later", "too costly to check");

type Answered = Extract<AuthorAnswer, { kind: "answered" }>;
type FoundKey = Extract<AuthorKeyAnswer, { kind: "found" }> & {
  /** Whether the domain served it for the very address when the message came. */
  readonly isServed: boolean;
};

async function checkOne(
  deps: AuthorDeps,
  { signed: data, receivedAt: now }: Signed,
  signature: SignatureFacts,
  author: EmailAddress,
  answer: Answered,
): Promise<Check> {
  const { created: signedAt } = signature;
  if (signature.isWeak || signedAt === undefined) return refused("invalid", "weak");
  const found = await findKey(deps, author, signature, answer, now);
  if (found.kind === "absent") return refused("unknown", otherKey(answer));
  if (found.kind === "unreachable") return refused("later", found.reason);
  const { certificate } = found;
  const { certificateWork: work = certificateWorkHere } = deps;
  // The certificate of rosa@ counts for rosa+x@ only where the keyserver, asked for rosa+x@, gave that one.
  const subaddress = found.isServed;
  const asked = { data, signature, certificate, address: author, now, subaddress };
  const bound = await work.verifyBound(asked);
  if (bound.kind === "invalid") return refused("invalid", bound.reason);
  const formerKey = firstEnd(bound.ended, found.revoked);
  const fault = formerFault(found, formerKey, answer, signedAt, now);
  return fault ?? { kind: "verified", author, fingerprint: certificate.fingerprint, formerKey };
}

/** The key that the domain serves for the address, else what it says of the key that signed. */
async function findKey(
  deps: AuthorDeps,
  author: EmailAddress,
  signature: SignatureFacts,
  answer: Answered,
  arrivedAt: Date,
): Promise<FoundKey | Exclude<AuthorKeyAnswer, { kind: "found" }>> {
  const named = answer.named ?? new Set(answer.keys.map((key) => key.certificate.fingerprint));
  const served = answer.keys.find(
    ({ certificate }) => named.has(certificate.fingerprint) && isFrom(signature, certificate),
  );
  if (served !== undefined) return { kind: "found", ...served, isServed: true };
  if (signature.issuer === undefined) return { kind: "absent" };
  const former = await deps.askAuthorKey(author, signature.issuer, arrivedAt);
  return former.kind === "found"
    ? { ...former, isServed: named.has(former.certificate.fingerprint) }
    : former;
}

function isFrom(signature: SignatureFacts, certificate: Certificate): boolean {
  const keys = [certificate.fingerprint, ...certificate.subkeyFingerprints];
  return signature.issuer === undefined
    ? keys.some((key) => keyIdOf(key) === signature.issuerKeyId)
    : keys.includes(signature.issuer);
}

/** Of several ends the first one counts. */
function firstEnd(ended: KeyEnd | undefined, revoked: Revocation | undefined): KeyEnd | undefined {
  if (revoked === undefined) return ended;
  const other = { how: howEnded(revoked.reasonCode), at: revoked.at };
  return ended === undefined || other.at < ended.at ? other : ended;
}

/**
 * Why a key that has ended, or that the domain does not name for the address, counts no longer. A former owner could
 * otherwise date back for ever, so the arrival counts and not only the date of the signature.
 */
function formerFault(
  { isServed, revoked }: FoundKey,
  formerKey: KeyEnd | undefined,
  answer: Answered,
  signedAt: Date,
  arrivedAt: Date,
): Refusal | undefined {
  if (revoked !== undefined && isHardReason(revoked.reasonCode)) {
    return refused("invalid", "hard-revoked");
  }
  if (revoked !== undefined && revoked.at <= signedAt) return refused("invalid", "revoked-before");
  if (formerKey === undefined) {
    return isServed ? undefined : refused("unknown", otherKey(answer));
  }
  const hasSuccessor = namesKey(answer) && formerKey.how !== "retired";
  const lastArrival = after(formerKey.at, hasSuccessor ? SUPERSEDED_MS : RETIRED_MS);
  return arrivedAt > lastArrival ? refused("invalid", "arrived too long after its key") : undefined;
}

function otherKey(answer: Answered): string {
  return namesKey(answer) ? "signed by another key" : answer.code;
}

function namesKey({ code }: Answered): boolean {
  return code === "OK" || code === "LOCAL";
}

function timingFault(
  { created, expires }: SignatureFacts,
  date: Date | undefined,
  arrivedAt: Date,
): Refusal | undefined {
  if (created === undefined) return refused("invalid", "no creation time");
  if (created > after(arrivedAt, CLOCK_SKEW_MS)) {
    return refused("invalid", "signed after it arrived");
  }
  if (expires !== undefined && expires <= arrivedAt) {
    return refused("invalid", "expired when it arrived");
  }
  if (date === undefined) {
    const isOld = created < after(arrivedAt, -ARRIVAL_WINDOW_MS);
    return isOld
      ? { ...refused("invalid", "signed long before it arrived, with no date"), isOld }
      : undefined;
  }
  const isFar = created < after(date, -DATE_WINDOW_MS) || created > after(date, DATE_WINDOW_MS);
  return isFar ? refused("invalid", "signed at another time than the message's date") : undefined;
}
