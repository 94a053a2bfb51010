import { text, type PlainKey } from "../locales/locales.ts";
import { parseAddress } from "../mail/address.ts";
import { displayAddress } from "../mail/display-mailbox.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";

/**
 * What a verdict says to its reader, in one or a few sentences; empty for ordinary mail. `from` is who is shown as the
 * author, `claimed` whom the message names inside instead.
 */
export function sentenceOf(
  verdict: MessageVerdict,
  authors: { readonly from: string; readonly claimed: string },
): string {
  const { state, warnings } = verdict;
  return [
    ...SENTENCES[state](verdict),
    ...(warnings.includes("FROM_MISMATCH") ? [mismatchSentence(authors)] : []),
    ...warnings.flatMap(warningSentence),
  ].join(" ");
}

function mismatchSentence(authors: Parameters<typeof sentenceOf>[1]): string {
  return authors.claimed === ""
    ? text("verdict.mismatch.unclear")
    : text("verdict.mismatch", authors);
}

const SENTENCES: Readonly<
  Record<MessageVerdict["state"], (verdict: MessageVerdict) => readonly string[]>
> = {
  CONFIDENTIAL: (verdict) => [signerSentence("CONFIDENTIAL", verdict)],
  CONFIDENTIAL_BODY: (verdict) => [
    signerSentence("CONFIDENTIAL_BODY", verdict),
    ...unsignedSentences(verdict),
  ],
  VERIFIED: (verdict) => [signerSentence("VERIFIED", verdict)],
  VERIFIED_BODY: (verdict) => [
    signerSentence("VERIFIED_BODY", verdict),
    ...unsignedSentences(verdict),
  ],
  ENCRYPTED_UNVERIFIED: (verdict) => [unverifiedSentence(verdict)],
  LOCKED: () => [text("verdict.LOCKED")],
  LOCKED_OLD: () => [text("verdict.LOCKED_OLD")],
  UNDECRYPTABLE: ({ evidence: { form } }) => [
    form === undefined
      ? text("verdict.UNDECRYPTABLE")
      : text("verdict.UNDECRYPTABLE.form", { form }),
  ],
  DAMAGED: () => [text("verdict.DAMAGED")],
  CLIENT_ONLY: () => [text("verdict.CLIENT_ONLY")],
  QUARANTINED: () => [text("verdict.QUARANTINED")],
  UNPROTECTED: () => [],
  SENT: sentSentences,
  DRAFT: () => [text("verdict.DRAFT")],
};

function sentSentences({ evidence: { how } }: MessageVerdict): readonly string[] {
  if (how === "sealed") return [text("verdict.SENT.sealed")];
  if (how === "deferred" || how === "not-sent" || how === "split") {
    return [text(`verdict.SENT.${how}`)];
  }
  if (how === "already-protected") return [text("verdict.SENT.already-protected")];
  return how === undefined ? [] : [text("verdict.SENT.clear")];
}

/** Without the keys only the state is known, and who signed is not. */
function signerSentence(
  state: "CONFIDENTIAL" | "CONFIDENTIAL_BODY" | "VERIFIED" | "VERIFIED_BODY",
  { signer }: MessageVerdict,
): string {
  const parsed = signer === undefined ? undefined : parseAddress(signer);
  if (parsed === undefined) return text("verdict.signer-closed");
  const address = displayAddress(parsed);
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return text(`verdict.${state}`, { address, domain });
}

function unsignedSentences({ unsigned, evidence }: MessageVerdict): readonly string[] {
  const fields = unsigned.join(", ");
  return [
    ...(fields === "" ? [] : [text("verdict.unsigned", { fields })]),
    ...(evidence["addressee"] === "unsaid" ? [text("verdict.addressee-unsaid")] : []),
  ];
}

function unverifiedSentence({ signature, evidence }: MessageVerdict): string {
  if (signature === "later") return text("verdict.unverified.later");
  const hasNoKey = ["NOSVC", "INSEC", "NOKEY"].includes(evidence["reason"] ?? "");
  return signature === "unknown" && hasNoKey
    ? text("verdict.unverified.no-key")
    : text("verdict.unverified.other");
}

const WARNINGS: ReadonlyMap<string, PlainKey> = new Map([
  ["NOT_ADDRESSED", "verdict.warning.NOT_ADDRESSED"],
  ["ENCRYPTED_PART", "verdict.warning.ENCRYPTED_PART"],
  ["ENCRYPTED_UNREADABLE", "verdict.warning.ENCRYPTED_UNREADABLE"],
  ["OPENED_APART", "verdict.warning.OPENED_APART"],
  ["IMPORTED", "verdict.warning.IMPORTED"],
  ["OLD_SIGNATURE", "verdict.warning.OLD_SIGNATURE"],
]);

function warningSentence(warning: string): readonly string[] {
  const key = WARNINGS.get(warning);
  return key === undefined ? [] : [text(key)];
}
