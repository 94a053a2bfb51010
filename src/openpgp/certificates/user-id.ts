import {
  type EmailAddress,
  parseAddress,
  sameAddress,
  withoutSubaddress,
} from "../../mail/address.ts";

/** Controls, lone surrogates, and what changes the direction of text or is not seen: nothing honest needs them here. */
const FORBIDDEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u{61C}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2069}\u{FEFF}]/u;
/** A text of the form local@domain with a dot in the domain, also written with what may be taken for these signs. */
const LIKE_ADDRESS = /^\S+[@\u{FE6B}\u{FF20}]\S*[.\u{3002}\u{FF0E}\u{FF61}]\S/u;
/** What may stand around an address in a name. */
const AROUND = /^["'(),;:[\]]+|["'(),;:[\]]+$/g;
const LONGEST = 1024;

/**
 * True when a user ID names exactly one address and that is the wanted one: it is an address as a whole, or ends in the
 * only `<...>` with nothing before it that looks like another address. The same address twice is one address. With
 * `subaddress` (the default) the certificate of `ada@` also serves `ada+x@`, never the other way round.
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
  const named = isOnly ? parseAddress(userId.slice(open + 1, -1)) : undefined;
  if (named === undefined) return undefined;
  const others = userId
    .slice(0, open)
    .split(/\s+/)
    .filter((word) => LIKE_ADDRESS.test(word));
  return others.every((word) => isSame(word, named)) ? named : undefined;
}

function isSame(word: string, named: EmailAddress): boolean {
  const address = parseAddress(word.replaceAll(AROUND, ""));
  return address !== undefined && sameAddress(address, named);
}
