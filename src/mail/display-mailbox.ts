/** How people are shown in lists and messages: a name that anybody may choose never hides or imitates an address. */
import { formatAddress, type EmailAddress } from "./address.ts";
import { displayDomain } from "./display-domain.ts";
import { fieldBody, printable, structuredBody, type HeaderField } from "./header.ts";
import { parseMailboxList, type Mailbox } from "./mailbox-list.ts";

/** Maximum length of a shown name, in characters. */
const MAX_NAME = 64;
/** Maximum number of mailboxes of one field that are shown. */
const MAX_SHOWN = 50;
/** Maximum length of a field that is not a list of mailboxes, in characters. */
const MAX_UNREADABLE = 200;
const MAX_LOOKED_AT = 10 * MAX_UNREADABLE;
/** `@` and what may be taken for it. */
const AT = /[@\u{FE6B}\u{FF20}]/u;
/** What would end the name, begin another mailbox, or is not seen. */
const NOT_IN_NAME = /[<>"\\,;:\p{Cf}\p{Co}\p{Cn}]+/gu;

/** `Name <address>`: the name cut at 64 characters, the address always whole. A name with an `@` in it is left out. */
function displayMailbox({ name, address }: Mailbox): string {
  const shown = displayAddress(address);
  const plain = printable(name).replace(NOT_IN_NAME, " ").replace(/\s+/g, " ").trim();
  if (plain === "" || AT.test(plain)) return shown;
  const characters = Array.from(plain);
  const cut = characters.length > MAX_NAME;
  return `${cut ? `${characters.slice(0, MAX_NAME).join("")}…` : plain} <${shown}>`;
}

/** The address whole; its domain in the script of its owner only where nobody can mistake it for another domain. */
export function displayAddress(address: EmailAddress): string {
  const text = formatAddress(address);
  return `${text.slice(0, text.lastIndexOf("@"))}@${displayDomain(address.domain)}`;
}

/** The mailboxes of a From, To or Cc field, at most 50; a field that is no such list as text, cut at 200 characters. */
export function displayMailboxes(field: HeaderField): string {
  const body = structuredBody(field);
  const mailboxes = body === undefined ? undefined : parseMailboxList(body);
  if (mailboxes === undefined) {
    const text = printable(fieldBody(field).slice(0, MAX_LOOKED_AT));
    return text.length > MAX_UNREADABLE ? `${text.slice(0, MAX_UNREADABLE)}…` : text;
  }
  const more = mailboxes.length - MAX_SHOWN;
  return [
    ...mailboxes.slice(0, MAX_SHOWN).map(displayMailbox),
    ...(more > 0 ? [`and ${more} more`] : []),
  ].join(", ");
}
