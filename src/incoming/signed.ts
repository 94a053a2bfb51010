/**
 * Mail that is signed in clear. What a verified signature covers is what the reader is shown: a header that its author
 * did not sign can be anybody's (RFC 9788 §4).
 */
import { parseHeader, type Header } from "../mail/header.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { detectProtection, type Protection } from "../pgpmime/detect.ts";
import type { Examined } from "../pgpmime/examine.ts";
import { readProtectedHeader } from "../pgpmime/payload-header.ts";
import { readerView } from "../pgpmime/reader-view.ts";
import { signedReading } from "../pgpmime/shown-header.ts";
import type { AuthorDeps } from "./check-signature.ts";
import { judgeSigned, notedFor, type Reader } from "./judge.ts";
import { isGood, unprotected } from "./verdicts.ts";

/** What is signed in clear, if anything is. */
export type ClearProtection =
  | Pick<Extract<Protection, { kind: "signed" }>, "kind" | "signedBytes" | "signatures">
  | { readonly kind: Exclude<Protection["kind"], "signed"> };

/** What was found signed, in the message that it was found in. */
export function clearProtection(message: Uint8Array, found: Examined["found"]): ClearProtection {
  if (found.kind !== "signed") return found;
  const { kind, signed, signatures } = found;
  return { kind, signatures, signedBytes: message.subarray(signed.start, signed.end) };
}

/** The verdict on a message that is not encrypted, which is the same for all its readers. */
export async function judgeClear(
  deps: AuthorDeps,
  o: {
    readonly outer: Header;
    readonly protection: ClearProtection;
    readonly receivedAt: Date;
    readonly now: Date;
  },
): Promise<MessageVerdict> {
  const { outer, protection, receivedAt, now } = o;
  if (protection.kind !== "signed") return unprotected(now);
  const { signatures, signedBytes: signed } = protection;
  const verdict = await judgeSigned(deps, {
    isEncrypted: false,
    outer,
    signed,
    signatures,
    receivedAt,
  });
  return { ...verdict, scan: "not-possible", checkedAt: now };
}

/** The verdict of `judgeClear` for one reader, who is warned where the signed header names others alone. */
export async function clearVerdictFor(
  isAmong: Reader["isAmong"],
  protection: ClearProtection,
  receivedAt: Date,
  verdict: MessageVerdict,
): Promise<MessageVerdict> {
  if (protection.kind !== "signed") return verdict;
  const { signatures, signedBytes: signed } = protection;
  return notedFor({ isAmong }, { signed, signatures, receivedAt }, verdict);
}

/** The header to show: where the signature is verified the signed one, else as it arrived. */
export function shownHeader(
  outer: Header,
  protection: ClearProtection,
  verdict: MessageVerdict,
): Header {
  return isGood(verdict) && protection.kind === "signed"
    ? signedReading(outer, readProtectedHeader(protection.signedBytes)).header
    : outer;
}

/** What is shown of a message, the bytes behind it, and the verdict that holds for them. */
export type ClearView = {
  readonly view: Uint8Array;
  readonly raw: Uint8Array;
  readonly verdict: MessageVerdict;
};

/**
 * The message to show: where the signature is verified the signed part alone, with its own header if it has one, and
 * nothing that stood before or behind it; else all as it arrived. A verified message in which no signed part is found (any
 * more) is shown as ordinary mail.
 */
export function clearView(message: Uint8Array, verdict: MessageVerdict): ClearView {
  if (!isGood(verdict)) return { view: message, raw: message, verdict };
  const protection = detectProtection(message);
  if (protection.kind !== "signed") {
    return { view: message, raw: message, verdict: unprotected(verdict.checkedAt) };
  }
  const { signedBytes } = protection;
  const view = readerView(parseHeader(message).header, signedBytes, { isSigned: true });
  return { view, raw: signedBytes, verdict };
}
