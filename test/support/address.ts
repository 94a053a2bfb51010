import assert from "node:assert/strict";
import { parseAddress, type EmailAddress } from "../../src/mail/address.ts";

/** Fails when the text is no address. */
export function addressOf(text: string): EmailAddress {
  const address = parseAddress(text);
  assert(address, text);
  return address;
}
