import { makeField, serializeHeader } from "../mail/header.ts";
import type { SentTo } from "../mailbox/summary.ts";

/**
 * The message with an `E2E-Receipt` field on top: what each recipient got of it, and by which state that was decided, blind
 * recipients too. It is made anew whenever a sent message is given to its sender, because what became of a message that waited
 * is known later. It is a copy of what stands beside the message, never its source: every ingress removes such fields, so that
 * no other message of ours leaves or comes with one. A message that was not sent here stays as it is.
 */
export function withReceipt(message: Uint8Array, sent: readonly SentTo[]): Uint8Array {
  if (sent.length === 0) return message;
  const body = ["v=1", ...sent.map(recipientText)].join(", ");
  return Buffer.concat([serializeHeader([makeField("E2E-Receipt", body)]), message]);
}

function recipientText({ address, got, code, fingerprint, isBlind }: SentTo): string {
  return [
    `rcpt=${plain(address)}`,
    `got=${plain(got)}`,
    ...(code === "" ? [] : [`code=${plain(code)}`]),
    ...(fingerprint === "" ? [] : [`fpr=${plain(fingerprint)}`]),
    ...(isBlind ? ["blind=yes"] : []),
  ].join("; ");
}

/**
 * In ASCII and without what separates facts: octets of UTF-8 as `%XX`, as in a `mailto` URI (RFC 6068 §2). An encoded word may not
 * stand in an address (RFC 2047 §5). Raw UTF-8 (RFC 6532 §3.2) would make an ordinary message one that not every program takes.
 */
function plain(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const at = encoded.lastIndexOf("%40");
  const readable = at === -1 ? encoded : `${encoded.slice(0, at)}@${encoded.slice(at + 3)}`;
  return readable.replaceAll("%2B", "+");
}
