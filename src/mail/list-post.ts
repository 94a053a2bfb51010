import { canonicalAddress, parseAddress, type CanonicalAddress } from "./address.ts";
import { firstField, structuredBody, type Header } from "./header.ts";

/** The address by which one writes to the mailing list that a message came by (RFC 2919 §3, RFC 2369 §3.4). */
export function listIn(header: Header): CanonicalAddress | undefined {
  const [id, post] = ["List-Id", "List-Post"].map((name) => firstField(header, name));
  if (id === undefined || post === undefined) return undefined;
  const [, address = ""] = MAILTO.exec(structuredBody(post) ?? "") ?? [];
  const plain = decoded(address);
  const parsed = PLAIN.test(plain) ? parseAddress(plain) : undefined;
  return parsed && canonicalAddress(parsed);
}

/** Each `<` is looked behind for so many characters at most, whatever a stranger writes. */
const MAILTO = /<mailto:([^<>?]{1,320})[>?]/i;
/** Operators are shown the address in a command: no list needs what a shell would act on. */
const PLAIN = /^[\w.+=-]+@[\w.-]+$/;

/** The text of a part of a URI (RFC 6068 §2); "" where it is none. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
