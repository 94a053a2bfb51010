/** What is shown of a sealed message, by its verdict. List, search and message are made from the same header. */
import type { Header } from "../mail/header.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";
import { readProtectedHeader } from "../pgpmime/payload-header.ts";
import type { Opened } from "../pgpmime/pgpmime.ts";
import { readerView } from "../pgpmime/reader-view.ts";
import { signedReading, unverifiedHeader } from "../pgpmime/shown-header.ts";
import { isGood } from "./verdicts.ts";

/** The header to show; that of a message which did not open is the outer one. */
export function sealedHeader(outer: Header, opened: Opened, verdict: MessageVerdict): Header {
  if (opened.kind !== "opened") return outer;
  const protectedHeader = readProtectedHeader(opened.payload);
  return isGood(verdict)
    ? signedReading(outer, protectedHeader).header
    : unverifiedHeader(outer, protectedHeader, { from: shownAuthor(verdict) });
}

/** The header inside, where it names another author than the one that is shown; else none. */
export function claimedHeader(opened: Opened, verdict: MessageVerdict): Header {
  if (opened.kind !== "opened" || shownAuthor(verdict) === "protected") return [];
  const protectedHeader = readProtectedHeader(opened.payload);
  return protectedHeader.kind === "none" ? [] : protectedHeader.fields;
}

/** The message to show. */
export function sealedView(
  outer: Header,
  payload: Uint8Array,
  verdict: MessageVerdict,
): Uint8Array {
  const isSigned = isGood(verdict);
  return readerView(outer, payload, { isSigned, from: shownAuthor(verdict) });
}

/** Where the inner author is not confirmed and differs, the outer author is shown (RFC 9788 §4.4.3). */
function shownAuthor({ warnings }: MessageVerdict): "outer" | "protected" {
  return warnings.includes("FROM_MISMATCH") ? "outer" : "protected";
}
