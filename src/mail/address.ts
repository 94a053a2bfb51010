/**
 * Mail, without any cryptography: addresses, header fields, MIME structure. Start here and at `mime.ts`.
 *
 * An address is parsed once, where it enters, by this one parser (RFC 5321 §4.1.2, RFC 6531 §3.3). The envelope, the
 * header and the look-up of a key can therefore never disagree about whose it is.
 */
import { domainToASCII } from "node:url";

import type { Brand } from "../base/brand.ts";

/** A domain as A-labels, in lower case, without a trailing dot. */
export type Domain = Brand<string, "Domain">;

/** An address; `local` is unquoted, in NFC, its case kept, because only the domain's owner may interpret it (RFC 5321 §2.4). */
export type EmailAddress = { readonly local: string; readonly domain: Domain };

/** What addresses are compared by, and the key of caches and tables; never what is sent in a query. */
export type CanonicalAddress = Brand<string, "CanonicalAddress">;

const MAX_DOMAIN_OCTETS = 253;
const MAX_LABEL_OCTETS = 63;
const MAX_LOCAL_OCTETS = 64;

/** Letters, digits, hyphens, dots, and whatever UTS-46 may map to them; the rest would end or change a host name. */
const DOMAIN_INPUT = /^[-.A-Za-z0-9\u{80}-\u{10FFFF}]+$/u;
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const ALL_DIGITS = /^\d+$/;
/** RFC 5322 §3.2.3 `dot-atom-text`, with RFC 6532 §3.2 UTF-8. */
const DOT_ATOM =
  /^[-!#$%&'*+/=?^_`{|}~A-Za-z0-9\u{A0}-\u{10FFFF}]+(?:\.[-!#$%&'*+/=?^_`{|}~A-Za-z0-9\u{A0}-\u{10FFFF}]+)*$/u;
const QUOTED = /^"((?:[^"\\]|\\[\s\S])*)"$/u;
/** Controls, blanks other than the common one, invisible and direction-changing characters, lone surrogates. */
const FORBIDDEN_IN_LOCAL =
  /[^\S ]|[\p{Cc}\p{Cs}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2069}\u{FEFF}]/u;
const NON_ASCII = /[^\0-\x7F]/;

/** A host name; undefined for IP literals and addresses, empty or too long labels, and what IDNA refuses (RFC 5890). */
export function parseDomain(text: string): Domain | undefined {
  if (text.length > 4 * MAX_DOMAIN_OCTETS || !DOMAIN_INPUT.test(text)) return undefined;
  const isPlain = !NON_ASCII.test(text) && !/xn--/i.test(text);
  const ascii = (isPlain ? text : domainToASCII(text)).toLowerCase();
  const domain = ascii.endsWith(".") ? ascii.slice(0, -1) : ascii;
  if (domain.length > MAX_DOMAIN_OCTETS) return undefined;
  const labels = domain.split(".");
  if (!labels.every((label) => label.length <= MAX_LABEL_OCTETS && LABEL.test(label))) {
    return undefined;
  }
  // A last label of digits alone, or of the 0x form, is an IPv4 address to some libraries and never a top level domain.
  const last = labels.at(-1) ?? "";
  return ALL_DIGITS.test(last) || /^0x[0-9a-f]*$/.test(last) ? undefined : (domain as Domain);
}

/** A bare `local@domain`, no display name, no angle brackets; undefined when it is not one. */
export function parseAddress(text: string): EmailAddress | undefined {
  const at = text.lastIndexOf("@");
  if (at < 1) return undefined;
  const local = parseLocal(text.slice(0, at));
  const domain = parseDomain(text.slice(at + 1));
  return local === undefined || domain === undefined ? undefined : { local, domain };
}

function parseLocal(text: string): string | undefined {
  if (text.length > 4 * MAX_LOCAL_OCTETS) return undefined;
  const quoted = QUOTED.exec(text)?.[1];
  if (quoted === undefined && !DOT_ATOM.test(text)) return undefined;
  const local = (quoted?.replace(/\\([\s\S])/gu, "$1") ?? text).normalize("NFC");
  if (local === "" || FORBIDDEN_IN_LOCAL.test(local)) return undefined;
  return Buffer.byteLength(local, "utf8") > MAX_LOCAL_OCTETS ? undefined : local;
}

/** The address as SMTP and header fields write it; the local part is quoted when it must be. */
export function formatAddress(address: EmailAddress): string {
  const { local, domain } = address;
  const written = DOT_ATOM.test(local) ? local : `"${local.replace(/["\\]/g, "\\$&")}"`;
  return `${written}@${domain}`;
}

/** Equal for equal addresses: ASCII case of the local part is folded, all else is compared as it is (RFC 9788 §4.4). */
export function canonicalAddress(address: EmailAddress): CanonicalAddress {
  return `${lowerAscii(address.local)}@${address.domain}` as CanonicalAddress;
}

export function sameAddress(a: EmailAddress, b: EmailAddress): boolean {
  return a.domain === b.domain && lowerAscii(a.local) === lowerAscii(b.local);
}

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The address without its `+detail` (RFC 5233 §1); a local part that starts with `+` stays as it is. */
export function withoutSubaddress(address: EmailAddress): EmailAddress {
  const plus = address.local.indexOf("+");
  return plus > 0 ? { ...address, local: address.local.slice(0, plus) } : address;
}

/** False when the address needs SMTPUTF8 on every hop (RFC 6531 §3.3); its domain never does, being A-labels. */
export function isAscii(address: EmailAddress): boolean {
  return !NON_ASCII.test(address.local);
}
