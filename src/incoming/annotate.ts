import { createHmac } from "node:crypto";
import { toUnixSeconds } from "../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { firstField, fieldBody, makeField, parseHeader, serializeHeader } from "../mail/header.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";

/**
 * The message with an `E2E-Status` field on top, for readers that do not ask our database. It is a copy of the
 * verdict, never its source; the MAC over message, verdict and mailbox shows that it is ours. Every ingress removes
 * such fields, so nobody outside can bring one.
 */
export function annotate(
  message: Uint8Array,
  verdict: MessageVerdict,
  reader: EmailAddress,
  statusKey: Uint8Array,
): Uint8Array {
  const { header } = parseHeader(message);
  const messageId = firstField(header, "Message-ID");
  const facts = [
    "v=1",
    `state=${verdict.state}`,
    `enc=${isEncrypted(verdict) ? "yes" : "no"}`,
    `sig=${verdict.signature}`,
    ...(verdict.signer === undefined ? [] : [`signer=${unambiguous(verdict.signer)}`]),
    ...(verdict.fingerprint === undefined ? [] : [`fpr=${verdict.fingerprint}`]),
    ...verdict.warnings.map((warning) => `warning=${warning}`),
    `t=${String(toUnixSeconds(verdict.checkedAt))}`,
  ].join("; ");
  const mac = createHmac("sha256", statusKey)
    .update(
      JSON.stringify([
        messageId === undefined ? "" : fieldBody(messageId),
        facts,
        canonicalAddress(reader),
      ]),
    )
    .digest("base64url");
  const field = makeField("E2E-Status", `${facts}; mac=${mac}`, { utf8: true });
  return Buffer.concat([serializeHeader([field]), message]);
}

/** A quoted local part may hold what would read as another fact. */
function unambiguous(address: string): string {
  return address.replace(/[\s"(),;<=>\\%]/g, (sign) =>
    encodeURIComponent(sign).replace("(", "%28").replace(")", "%29"),
  );
}

function isEncrypted({ state }: MessageVerdict): boolean {
  return state === "CONFIDENTIAL" || state === "ENCRYPTED_UNVERIFIED";
}
