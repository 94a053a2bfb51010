/**
 * Mail that is signed in clear. What a verified signature covers is what the reader is shown: a header that its author
 * did not sign can be anybody's (RFC 9788 §4).
 */
import { parseHeader, type Header } from "../mail/header.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { detectProtection, type Protection } from "../pgpmime/detect.ts";
import { readerView } from "../pgpmime/reader-view.ts";
import type { AuthorDeps } from "./check-signature.ts";
import { judge } from "./judge.ts";
import { unprotected } from "./verdicts.ts";

/** The verdict on a message that is not encrypted, which is the same for all its readers. */
export async function judgeClear(
  deps: AuthorDeps,
  o: {
    readonly outer: Header;
    readonly protection: Protection;
    readonly receivedAt: Date;
    readonly now: Date;
  },
): Promise<MessageVerdict> {
  const { outer, protection, receivedAt, now } = o;
  if (protection.kind !== "signed") return unprotected(now);
  const { signatures, protectedHeader, signedBytes } = protection;
  const verdict = await judge(
    deps,
    { addresses: [], fingerprints: [] },
    { isEncrypted: false, outer, protectedHeader, signed: signedBytes, signatures, receivedAt },
  );
  return { ...verdict, scan: "not-possible", checkedAt: now };
}

/** The header to show: that of the signed part where it has one and the signature is verified, else as it arrived. */
export function shownHeader(
  outer: Header,
  protection: Protection,
  { state }: MessageVerdict,
): Header {
  return state === "VERIFIED" && protection.kind === "signed" ? protection.protectedHeader : outer;
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
  if (verdict.state !== "VERIFIED") return { view: message, raw: message, verdict };
  const protection = detectProtection(message);
  if (protection.kind !== "signed") {
    return { view: message, raw: message, verdict: unprotected(verdict.checkedAt) };
  }
  const { signedBytes } = protection;
  return {
    view: readerView(parseHeader(message).header, signedBytes),
    raw: signedBytes,
    verdict,
  };
}
