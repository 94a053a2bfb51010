import { createHash, createHmac } from "node:crypto";

import { toUnixSeconds } from "../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { fieldBody, fieldsNamed, makeField, parseHeader, serializeHeader } from "../mail/header.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";

/** The fields that the MAC covers, as they stand in the delivered message. */
const COVERED = ["from", "to", "cc", "subject", "date", "message-id"];

/**
 * The message with an `E2E-Status` field on top, for readers that do not ask our database. It is a copy of the verdict,
 * never its source. The MAC shows that the field is ours and belongs to this message in this mailbox: it covers the facts,
 * the fields that people see, the body and the mailbox. Every ingress removes such fields, so nobody outside can bring one.
 */
export function annotate(
  message: Uint8Array,
  verdict: MessageVerdict,
  reader: EmailAddress,
  statusKey: Uint8Array,
): Uint8Array {
  const facts = [
    "v=1",
    `state=${verdict.state}`,
    `enc=${isEncrypted(verdict) ? "yes" : "no"}`,
    `sig=${verdict.signature}`,
    `hdr=${verdict.header}`,
    ...(verdict.signer === undefined ? [] : [`signer=${unambiguous(verdict.signer)}`]),
    ...(verdict.fingerprint === undefined ? [] : [`fpr=${verdict.fingerprint}`]),
    ...verdict.warnings.map((warning) => `warning=${warning}`),
    `t=${String(toUnixSeconds(verdict.checkedAt))}`,
  ].join("; ");
  const mac = statusMac(message, facts, reader, statusKey);
  const field = makeField("E2E-Status", `${facts}; mac=${mac}`, { utf8: true });
  return Buffer.concat([serializeHeader([field]), message]);
}

/** The MAC of an `E2E-Status` field: `facts` is its text before `; mac=`, `message` what stands below the field. */
export function statusMac(
  message: Uint8Array,
  facts: string,
  reader: EmailAddress,
  statusKey: Uint8Array,
): string {
  const { header, bodyOffset } = parseHeader(message);
  const fields = COVERED.map((name) => [name, fieldsNamed(header, name).map(fieldBody)]);
  const body = createHash("sha256").update(message.subarray(bodyOffset)).digest("base64url");
  return createHmac("sha256", statusKey)
    .update(JSON.stringify([facts, fields, body, canonicalAddress(reader)]))
    .digest("base64url");
}

/** A quoted local part may hold what would read as another fact. */
function unambiguous(address: string): string {
  return address.replace(/[\s"(),;<=>\\%]/g, (sign) =>
    encodeURIComponent(sign).replace("(", "%28").replace(")", "%29"),
  );
}

function isEncrypted({ state }: MessageVerdict): boolean {
  return ["CONFIDENTIAL", "CONFIDENTIAL_BODY", "ENCRYPTED_UNVERIFIED"].includes(state);
}
