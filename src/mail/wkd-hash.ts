import { createHash } from "node:crypto";

import type { EmailAddress } from "./address.ts";

/** Z-base-32: the letters that people mix up least. */
const ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769";
const BITS = 5;

/**
 * The name under which a Web Key Directory has a local part: SHA-1 of it with ASCII letters in lower case, in Z-base-32,
 * 32 characters (draft-koch-openpgp-webkey-service §3.1).
 */
export function wkdHash(localPart: string): string {
  const lower = localPart.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const digest = createHash("sha1").update(lower, "utf8").digest();
  const bits = [...digest].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  const groups = bits.match(new RegExp(`.{${String(BITS)}}`, "g")) ?? [];
  return groups.map((group) => ALPHABET[Number.parseInt(group, 2)]).join("");
}

/** What a published certificate of an address is found by in a Web Key Directory: hash and domain. */
export function wkdName(address: EmailAddress): string {
  return `${wkdHash(address.local)}@${address.domain}`;
}
