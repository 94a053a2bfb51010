/**
 * What we may tell the reader of a message: facts from opening it and what the author's domain says about its keys, turned
 * into one verdict. A verdict is never better than its evidence: every step that is not proven ends in
 * `ENCRYPTED_UNVERIFIED` (or, without encryption, `UNPROTECTED`), and a bad signature looks like none (RFC 9787 §6.2).
 *
 * `CONFIDENTIAL` and `VERIFIED` say that all that is shown was signed. Where only the text was, the state ends in `_BODY`.
 */
import { after, DAY } from "../base/time.ts";
import { formatAddress, sameAddress, type EmailAddress } from "../mail/address.ts";
import type { Header } from "../mail/header.ts";
import { readMessageFacts, type MessageFacts } from "../mail/mail.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { readProtectedHeader, type ProtectedHeader } from "../pgpmime/payload-header.ts";
import { signedReading, type DisplayedField } from "../pgpmime/shown-header.ts";
import { checkSignature, type AuthorDeps, type Check, type Signed } from "./check-signature.ts";

/** What opening (or, for a bare signature, splitting) a message gave. */
export type Judged = Signed & {
  readonly isEncrypted: boolean;
  /** The header that travelled outside, as received. */
  readonly outer: Header;
};

export type Reader = {
  /** Whether one of these addresses was the reader's own when the message was signed. */
  readonly isAmong: (addresses: readonly EmailAddress[], signedAt: Date) => Promise<boolean>;
  readonly fingerprints: readonly Fingerprint[];
};

/** An older signature is shown with its age: somebody may be replaying it. */
const OLD_SIGNATURE_MS = 7 * DAY;

type Verdict = Omit<MessageVerdict, "scan" | "checkedAt">;

/** The verdict on a sealed message, but for scanning. */
export async function judgeSealed(
  deps: AuthorDeps,
  reader: Reader,
  judged: Judged,
): Promise<Verdict> {
  const read = readSigned(judged);
  // Its author did not seal it, so somebody else did: it is worth what it was worth in clear.
  if (read.protectedHeader.kind === "clear")
    return notedFor(reader, judged, await inClear(deps, judged, read));
  const check = await checkRead(deps, judged, read);
  const addressee = await addresseeOf(reader, judged, read);
  const isGood = check.kind === "verified" && addressee !== "others";
  const isFull = addressee === "reader" && isWholeSigned(read) && isSealedByAuthor(judged, read);
  return verdictOf(judged, read, check, {
    state: isGood ? (isFull ? "CONFIDENTIAL" : "CONFIDENTIAL_BODY") : "ENCRYPTED_UNVERIFIED",
    warnings: addressee === "others" ? ["NOT_ADDRESSED"] : [],
    evidence: isGood && addressee === "unsaid" ? { addressee } : {},
  });
}

/** The verdict on a message that is signed and not encrypted, but for scanning: the same for all its readers. */
export async function judgeSigned(deps: AuthorDeps, judged: Judged): Promise<Verdict> {
  return inClear(deps, judged, readSigned(judged));
}

/** A verdict of `judgeSigned` for one reader: warns one whom the signed header does not name. */
export async function notedFor<V extends Verdict>(
  reader: Pick<Reader, "isAmong">,
  judged: Pick<Judged, "signed" | "signatures" | "receivedAt">,
  verdict: V,
): Promise<V> {
  if (verdict.state === "UNPROTECTED") return verdict;
  const named = namedIn(readProtectedHeader(judged.signed));
  const isOthers = named.length > 0 && !(await reader.isAmong(named, signedAtOf(judged)));
  return isOthers ? { ...verdict, warnings: [...verdict.warnings, "NOT_ADDRESSED"] } : verdict;
}

async function inClear(deps: AuthorDeps, judged: Judged, read: Read): Promise<Verdict> {
  const check = isSealedByAuthor(judged, read) ? OPENED : await checkRead(deps, judged, read);
  const isGood = check.kind === "verified";
  const isUnsaid = isGood && namedIn(read.protectedHeader).length === 0;
  return verdictOf(judged, read, check, {
    state: isGood ? (isWholeSigned(read) ? "VERIFIED" : "VERIFIED_BODY") : "UNPROTECTED",
    warnings: [],
    evidence: isUnsaid ? { addressee: "unsaid" } : {},
  });
}

/** RFC 9580 §5.2.3.36: somebody whom the author trusted opened it and sent it on. */
const OPENED: Check = { kind: "invalid", reason: "sealed by its author, and opened since" };

/** The one reading of a message's header, from which everything is judged. */
type Read = {
  readonly protectedHeader: ProtectedHeader;
  readonly unsigned: readonly DisplayedField[];
  readonly outerAuthors: MessageFacts["from"];
  /** The authors that are shown if the signature is good. */
  readonly authors: MessageFacts["from"];
  /** The date that the signature covers; where that covers no field, the date outside is among the unsigned ones. */
  readonly date: Date | undefined;
};

function readSigned({ outer, signed }: Judged): Read {
  const protectedHeader = readProtectedHeader(signed);
  const { header, unsigned } = signedReading(outer, protectedHeader);
  const { from, date } = readMessageFacts(header);
  return {
    protectedHeader,
    unsigned,
    outerAuthors: readMessageFacts(outer).from,
    authors: from,
    date: unsigned.includes("Date") ? undefined : date,
  };
}

async function checkRead(deps: AuthorDeps, judged: Judged, read: Read): Promise<Check> {
  const { date, outerAuthors, authors } = read;
  return checkSignature(deps, judged, date, onlyAuthor(outerAuthors), onlyAuthor(authors));
}

function verdictOf(
  judged: Judged,
  read: Read,
  check: Check,
  said: Pick<Verdict, "state" | "warnings"> & Partial<Pick<Verdict, "evidence">>,
): Verdict {
  const verified = check.kind === "verified" ? check : undefined;
  const isOld = isOldSignature(judged) || (check.kind !== "verified" && check.isOld === true);
  return {
    state: said.state,
    warnings: [
      ...(verified !== undefined || areSame(read.outerAuthors, read.authors)
        ? []
        : ["FROM_MISMATCH"]),
      ...said.warnings,
      ...(isOld ? ["OLD_SIGNATURE"] : []),
    ],
    unsigned: read.unsigned,
    header: headerWord(read),
    signature: check.kind,
    signedAt: verified !== undefined || isOld ? signedAtOf(judged) : undefined,
    signer: verified && formatAddress(verified.author),
    fingerprint: verified?.fingerprint,
    laterSince: undefined,
    served: undefined,
    evidence: { ...evidenceOf(check), ...said.evidence },
  };
}

function headerWord({ protectedHeader, unsigned }: Read): MessageVerdict["header"] {
  if (protectedHeader.kind === "none") return "unprotected";
  return unsigned.length === 0 ? "protected" : "partly";
}

function isWholeSigned(read: Read): boolean {
  return headerWord(read) === "protected";
}

/** Two mailboxes in From are no author; the same two inside and outside are no mismatch either. */
function areSame(a: MessageFacts["from"], b: MessageFacts["from"]): boolean {
  if (a === undefined || b === undefined) return false;
  return (
    a.length === b.length &&
    a.every(({ address }, index) => {
      const other = b[index];
      return other !== undefined && sameAddress(address, other.address);
    })
  );
}

function evidenceOf(check: Check): Readonly<Record<string, string>> {
  if (check.kind !== "verified") return { reason: check.reason };
  const { formerKey } = check;
  return formerKey === undefined
    ? {}
    : { detail: "FORMER_KEY", keyEnded: formerKey.how, keyEndedAt: formerKey.at.toISOString() };
}

/** Exactly one From field with exactly one address, or nobody: two authors are none. */
function onlyAuthor(from: MessageFacts["from"]): EmailAddress | undefined {
  return from?.length === 1 ? from[0]?.address : undefined;
}

function isOldSignature({ signatures, receivedAt }: Judged): boolean {
  return signatures.some(
    ({ created }) => created !== undefined && created < after(receivedAt, -OLD_SIGNATURE_MS),
  );
}

/** The earliest of several signatures; without a time the arrival. */
function signedAtOf({ signatures, receivedAt }: Pick<Judged, "signatures" | "receivedAt">): Date {
  return signatures.reduce(
    (first, { created }) => (created !== undefined && created < first ? created : first),
    receivedAt,
  );
}

/**
 * Whom the author meant, by what the signature covers (against surreptitious forwarding): its intended recipients
 * (RFC 9580 §5.2.3.36), else the protected To, Cc and Bcc. Anybody may write a To outside.
 */
async function addresseeOf(
  reader: Reader,
  judged: Judged,
  { protectedHeader }: Read,
): Promise<"reader" | "others" | "unsaid"> {
  const intended = judged.signatures.flatMap((signature) => signature.intended);
  if (intended.length > 0) {
    return intended.some((one) => reader.fingerprints.includes(one)) ? "reader" : "others";
  }
  const named = namedIn(protectedHeader);
  if (named.length === 0) return "unsaid";
  return (await reader.isAmong(named, signedAtOf(judged))) ? "reader" : "others";
}

function namedIn(protectedHeader: ProtectedHeader): readonly EmailAddress[] {
  if (protectedHeader.kind === "none") return [];
  const { to, cc, bcc } = readMessageFacts(protectedHeader.fields);
  return [...to, ...cc, ...bcc].map(({ address }) => address);
}

/** Whether the signature itself says that its author encrypted the message (RFC 9788 §2.1.1, `hp="cipher"`). */
function isSealedByAuthor({ signatures }: Judged, { protectedHeader }: Read): boolean {
  return (
    protectedHeader.kind === "cipher" || signatures.some(({ intended }) => intended.length > 0)
  );
}
