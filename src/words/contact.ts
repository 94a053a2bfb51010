/** Rules of a user for those whom they write to, in the words that the store and the features share. */
import type { Brand } from "../base/brand.ts";
import { canonicalAddress, withoutSubaddress, type EmailAddress } from "../mail/address.ts";

/**
 * `always`: nothing leaves in clear for this contact. `never`: nothing is encrypted for them. `ask`: whoever can ask the
 * sender asks; mail programs cannot be asked, so that the sender's policy decides for them.
 */
export type ContactRule = "always" | "ask" | "never";

/** All words of `ContactRule`. */
export const CONTACT_RULES: readonly ContactRule[] = ["always", "ask", "never"];

/** One address, or `@` and a domain: everybody there. */
export type Contact = Brand<string, "Contact">;

/** The contacts that an address belongs to, the nearest first: itself, the same without its `+detail`, its domain. */
export function contactsOf(address: EmailAddress): readonly Contact[] {
  const own = [address, withoutSubaddress(address)].map((one) => canonicalAddress(one));
  return [...own, `@${address.domain}`].map((text) => text as Contact);
}
