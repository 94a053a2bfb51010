import {
  type EmailAddress,
  parseAddress,
  sameAddress,
  withoutSubaddress,
} from "../mail/address.ts";

/** Controls, lone surrogates, and what changes the direction of text or is not seen: nothing honest needs them here. */
const FORBIDDEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u{61C}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2069}\u{FEFF}]/u;
/** `@` and what may be taken for it. */
const AT = /[@\u{FE6B}\u{FF20}]/u;
const LONGEST = 1024;

/**
 * True when a user ID names exactly one address and that is the wanted one: it is an address as a whole, or ends in the
 * only `<...>` with nothing else that looks like an address. With `subaddress` (the default) the certificate of
 * `ada@` also serves `ada+x@`, never the other way round.
 */
export function userIdMatches(
  userId: string,
  address: EmailAddress,
  options: { readonly subaddress?: boolean } = {},
): boolean {
  const named = addressIn(userId);
  if (named === undefined) return false;
  if (sameAddress(named, address)) return true;
  return options.subaddress !== false && sameAddress(named, withoutSubaddress(address));
}

function addressIn(userId: string): EmailAddress | undefined {
  if (userId.length > LONGEST || FORBIDDEN.test(userId)) return undefined;
  const open = userId.indexOf("<");
  if (open === -1) return userId.includes(">") ? undefined : parseAddress(userId);
  const isOnly = open === userId.lastIndexOf("<") && userId.indexOf(">") === userId.length - 1;
  if (!isOnly || AT.test(userId.slice(0, open))) return undefined;
  return parseAddress(userId.slice(open + 1, -1));
}
