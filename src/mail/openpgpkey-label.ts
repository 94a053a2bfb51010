import { createHash } from "node:crypto";

import type { EmailAddress } from "./address.ts";

const LABEL_OCTETS = 28;

/**
 * The label under which the DNS has the certificate of a local part (RFC 7929 §3): the first 28 octets of SHA-256, in
 * hexadecimal. The local part is unquoted and in NFC, as `EmailAddress` has it; its case counts.
 */
export function openpgpkeyLabel(localPart: string): string {
  const digest = createHash("sha256").update(localPart, "utf8").digest();
  return digest.subarray(0, LABEL_OCTETS).toString("hex");
}

/**
 * The name of the record of an address, without final dot. It is published for the local part in lower case, which is
 * what most people write: a name for each way to write it would be endless (RFC 7929 §4).
 */
export function openpgpkeyName(address: EmailAddress): string {
  const lower = address.local.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return `${openpgpkeyLabel(lower)}._openpgpkey.${address.domain}`;
}
