/**
 * What we may tell the reader of a message: facts from opening it and what looking for its author's certificate came
 * to, turned into one verdict. A verdict is never better than its evidence: every step that is not proven ends in
 * `ENCRYPTED_UNVERIFIED` (or, without encryption, `UNPROTECTED`), and a bad signature looks like none (RFC 9787 §6.2).
 */
import { after, DAY } from "../base/time.ts";
import {
  formatAddress,
  sameAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import { contentTypeOf } from "../mail/content-type.ts";
import { parseHeader, type Header } from "../mail/header.ts";
import { readMessageFacts, type MessageFacts } from "../mail/message.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { hasProtectedHeader } from "../pgpmime/protected-headers.ts";
import { checkSignature, type AuthorDeps, type Check, type Signed } from "./check-signature.ts";

/** What opening (or, for a bare signature, splitting) a message gave. */
export type Judged = Signed & {
  readonly isEncrypted: boolean;
  /** The header that travelled outside, as received. */
  readonly outer: Header;
  /** The protected header where there is one, else the outer one. */
  readonly protectedHeader: Header;
};

export type Reader = {
  readonly addresses: readonly EmailAddress[];
  readonly fingerprints: readonly Fingerprint[];
};

/** An older signature is shown with its age: somebody may be replaying it. */
const OLD_SIGNATURE_MS = 7 * DAY;

/** The verdict on a message, but for scanning. */
export async function judge(
  deps: AuthorDeps,
  reader: Reader,
  judged: Judged,
): Promise<Omit<MessageVerdict, "scan" | "checkedAt">> {
  const inner = readMessageFacts(judged.protectedHeader);
  const outerAuthor = onlyAuthor(readMessageFacts(judged.outer));
  const author = onlyAuthor(inner);
  const check = await checkSignature(deps, judged, inner.date, outerAuthor, author);
  const isAddressed = !judged.isEncrypted || isMeantFor(reader, inner, judged);
  const isVerified = check.kind === "verified";
  return {
    state: stateOf(judged.isEncrypted, isVerified && isAddressed),
    warnings: [
      ...(isVerified || isSame(outerAuthor, author) ? [] : ["FROM_MISMATCH"]),
      ...(isAddressed ? [] : ["NOT_ADDRESSED"]),
      ...(isOld(judged) ? ["OLD_SIGNATURE"] : []),
    ],
    signature: check.kind,
    signer: isVerified ? formatAddress(check.author) : undefined,
    fingerprint: isVerified ? check.fingerprint : undefined,
    check: check.kind === "later" ? "later" : "done",
    evidence: evidenceOf(check),
  };
}

function stateOf(isEncrypted: boolean, isSecure: boolean): MessageVerdict["state"] {
  if (isEncrypted) return isSecure ? "CONFIDENTIAL" : "ENCRYPTED_UNVERIFIED";
  return isSecure ? "VERIFIED" : "UNPROTECTED";
}

function isSame(a: EmailAddress | undefined, b: EmailAddress | undefined): boolean {
  return a !== undefined && b !== undefined && sameAddress(a, b);
}

function evidenceOf(check: Check): Readonly<Record<string, string>> {
  if (check.kind !== "verified") return { reason: check.reason };
  return check.note === undefined ? {} : { note: check.note };
}

/** Exactly one From field with exactly one address, or nobody: two authors are none. */
function onlyAuthor({ from }: MessageFacts): EmailAddress | undefined {
  return from?.length === 1 ? from[0]?.address : undefined;
}

function isOld({ signatures, receivedAt }: Judged): boolean {
  return signatures.some(
    ({ created }) => created !== undefined && created < after(receivedAt, -OLD_SIGNATURE_MS),
  );
}

/**
 * Against a message that was forwarded under a seal of its receiver's own making (surreptitious forwarding): the
 * signature names its intended recipients (RFC 9580 §5.2.3.36), or the reader stands in the protected To or Cc of a
 * message that its author sealed. Anybody may write a To outside, and seal what its author signed in clear.
 */
function isMeantFor(
  reader: Reader,
  { to, cc }: MessageFacts,
  { signed, signatures }: Judged,
): boolean {
  const intended = signatures.flatMap((signature) => signature.intended);
  if (intended.length > 0) return intended.some((one) => reader.fingerprints.includes(one));
  if (!isSealedByAuthor(signed)) return false;
  const visible = [...to, ...cc].map(({ address }) => withoutSubaddress(address));
  return reader.addresses.some((own) => visible.some((address) => sameAddress(own, address)));
}

/** Whether the signed header is there and says that its author encrypted the message (RFC 9788 §2.1.1, `hp="cipher"`). */
function isSealedByAuthor(signed: Uint8Array): boolean {
  const { header } = parseHeader(signed);
  return hasProtectedHeader(header) && contentTypeOf(header).parameters.get("hp") === "cipher";
}
