import { displayAddress } from "../mail/display-mailbox.ts";
import { parseAddress } from "../mail/address.ts";
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
  const said = { ...signerOf(verdict), unsigned: unsignedSentence(verdict) };
  return [
    SENTENCES[state](said, verdict),
    warnings.includes("FROM_MISMATCH") ? mismatchSentence(authors) : "",
    ...warnings.map(warningSentence),
  ]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

function mismatchSentence({ from, claimed }: Parameters<typeof sentenceOf>[1]): string {
  return claimed === ""
    ? "Who wrote it is not said in one way. Do not trust it."
    : `Claims to be from ${claimed}, was sent by ${from}. Do not trust it.`;
}

type Said = { readonly address: string; readonly domain: string; readonly unsigned: string };

const SENTENCES: Readonly<
  Record<MessageVerdict["state"], (said: Said, verdict: MessageVerdict) => string>
> = {
  CONFIDENTIAL: ({ address, domain }) =>
    `Secure: encrypted end to end between the providers, sent from ${address}, confirmed by ${domain}.`,
  CONFIDENTIAL_BODY: ({ address, domain, unsigned }) =>
    `Encrypted, and the text was signed by ${address}, confirmed by ${domain}.${unsigned}`,
  VERIFIED: ({ address, domain }) => `Sent from ${address}, confirmed by ${domain}; not encrypted.`,
  VERIFIED_BODY: ({ address, domain, unsigned }) =>
    `The text was signed by ${address}, confirmed by ${domain}; not encrypted.${unsigned}`,
  ENCRYPTED_UNVERIFIED: (_said, verdict) => unverifiedSentence(verdict),
  LOCKED: () => "Encrypted message. It opens when you log in with your password.",
  LOCKED_OLD: () =>
    "Encrypted with your former key. Enter your former password or recovery code to open it.",
  UNDECRYPTABLE: (_said, { evidence }) =>
    evidence["form"] === undefined
      ? "Encrypted with a key that is not in your account."
      : `Encrypted in a form that is not supported: ${evidence["form"]}.`,
  DAMAGED: () => "This encrypted message was damaged or altered and is not shown.",
  CLIENT_ONLY: () => "Encrypted for your own device; open it there.",
  QUARANTINED: () => "Removed: contains malware.",
  UNPROTECTED: () => "",
};

function signerOf({ signer }: MessageVerdict): {
  readonly address: string;
  readonly domain: string;
} {
  const parsed = signer === undefined ? undefined : parseAddress(signer);
  if (parsed === undefined) return { address: signer ?? "", domain: "" };
  const address = displayAddress(parsed);
  return { address, domain: address.slice(address.lastIndexOf("@") + 1) };
}

function unsignedSentence({ unsigned, evidence }: MessageVerdict): string {
  const fields = unsigned.length === 0 ? "" : ` Not signed: ${unsigned.join(", ")}.`;
  const somebody =
    evidence["addressee"] === "unsaid" ? " It may have been written to somebody else." : "";
  return `${fields}${somebody}`;
}

function unverifiedSentence({ signature, evidence }: MessageVerdict): string {
  if (signature === "later") return "Encrypted; the sender has not been checked yet.";
  const hasNoKey = ["NOSVC", "INSEC", "NOKEY"].includes(evidence["reason"] ?? "");
  return signature === "unknown" && hasNoKey
    ? "Encrypted; the sender's provider publishes no key to check the signature."
    : "Encrypted, but the sender is not confirmed.";
}

function warningSentence(warning: string): string {
  const sentences: Readonly<Record<string, string>> = {
    NOT_ADDRESSED: "It was written to somebody else, and may have been passed on.",
    ENCRYPTED_PART: "A part of it is encrypted and is not shown here; it can be opened apart.",
    ENCRYPTED_UNREADABLE: "Something in it is encrypted in a way that is not opened here.",
    OPENED_APART:
      "This is an encrypted part of a message, opened apart. Nobody confirms who wrote it or to whom: do not quote it in an answer.",
    OLD_SIGNATURE: "It was signed long before it arrived: somebody may be sending it again.",
  };
  return sentences[warning] ?? "";
}
