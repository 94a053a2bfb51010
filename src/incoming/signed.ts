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

/** The message to show: the signed part with its own header, on the same condition, else as it arrived. */
export function clearView(message: Uint8Array, { state }: MessageVerdict): Uint8Array {
  if (state !== "VERIFIED") return message;
  const protection = detectProtection(message);
  if (protection.kind !== "signed" || !protection.hasProtectedHeader) return message;
  return readerView(parseHeader(message).header, protection.signedBytes);
}
