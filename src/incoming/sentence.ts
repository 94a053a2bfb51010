import { displayAddress } from "../mail/display-mailbox.ts";
import { parseAddress } from "../mail/address.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";

/** What a verdict says to its reader, in one or a few sentences; empty for ordinary mail. */
export function sentenceOf(verdict: MessageVerdict): string {
  const { state, warnings } = verdict;
  const mismatch = warnings.includes("FROM_MISMATCH")
    ? "The sender inside the message is another than the one outside. Do not trust it."
    : "";
  return [stateSentence(state, verdict), mismatch, ...warnings.map(warningSentence)]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

function stateSentence(state: MessageVerdict["state"], verdict: MessageVerdict): string {
  const { address, domain } = signerOf(verdict);
  const unsigned = unsignedSentence(verdict);
  switch (state) {
    case "CONFIDENTIAL":
      return `Secure: encrypted end to end between the providers, sent from ${address}, confirmed by ${domain}.`;
    case "CONFIDENTIAL_BODY":
      return `Encrypted, and the text was signed by ${address}, confirmed by ${domain}.${unsigned}`;
    case "VERIFIED":
      return `Sent from ${address}, confirmed by ${domain}; not encrypted.`;
    case "VERIFIED_BODY":
      return `The text was signed by ${address}, confirmed by ${domain}; not encrypted.${unsigned}`;
    case "ENCRYPTED_UNVERIFIED":
      return unverifiedSentence(verdict);
    case "LOCKED":
      return "Encrypted message. It opens when you log in with your password.";
    case "LOCKED_OLD":
      return "Encrypted with your former key. Enter your former password or recovery code to open it.";
    case "UNDECRYPTABLE":
      return "Encrypted with a key that is not in your account.";
    case "DAMAGED":
      return "This encrypted message was damaged or altered and is not shown.";
    case "CLIENT_ONLY":
      return "Encrypted for your own device; open it there.";
    case "QUARANTINED":
      return "Removed: contains malware.";
    case "UNPROTECTED":
      return "";
  }
}

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
    OLD_SIGNATURE: "It was signed long before it arrived: somebody may be sending it again.",
  };
  return sentences[warning] ?? "";
}
