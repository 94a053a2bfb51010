/** Whether a hop can take a message as it is. Nothing is converted for a hop: that would change bytes that are signed. */
import { isAscii as isAsciiBytes } from "node:buffer";

import { isAscii } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { parseHeader } from "../../mail/header.ts";
import type { Obstacle, Outcome } from "./hop.ts";

/** What a hop offers, by keyword in upper case, with the rest of the line. */
export type Extensions = ReadonlyMap<string, string>;

/** What a message needs of a hop. */
export type Needs = { readonly smtpUtf8: boolean; readonly eightBit: boolean };

/** RFC 6531 §3.1: for an address or a header field in UTF-8, not because the client said so. */
export function needsOf({ from, recipients }: Envelope, message: Uint8Array): Needs {
  const addresses = from === undefined ? recipients : [from, ...recipients];
  const { bodyOffset } = parseHeader(message);
  return {
    smtpUtf8: !addresses.every(isAscii) || !isAsciiBytes(message.subarray(0, bodyOffset)),
    eightBit: !isAsciiBytes(message),
  };
}

/** Why this hop cannot take this message as it is; undefined when it can. */
export function obstacleFor(
  envelope: Envelope,
  message: Uint8Array,
  needs: Needs,
  { extensions, isTls }: { readonly extensions: Extensions; readonly isTls: boolean },
): Outcome | undefined {
  const never = (obstacle: Obstacle, text: string): Outcome => ({
    kind: "refused",
    code: 0,
    obstacle,
    text,
    temporary: false,
  });
  const sizeLimit = Number(extensions.get("SIZE") ?? 0);
  if (sizeLimit > 0 && message.length > sizeLimit) {
    return never("size", "5.3.4 the message is too large for the next mail server");
  }
  if (needs.smtpUtf8 && !extensions.has("SMTPUTF8")) {
    return never("smtputf8", "5.6.7 the next mail server takes no non-ASCII addresses");
  }
  // Converting would change bytes that are signed (RFC 6152 §3).
  if (needs.eightBit && !extensions.has("8BITMIME")) {
    return never("8bitmime", "5.6.3 the next mail server takes no 8-bit messages");
  }
  // RFC 8689 §4.2.1: the hop must promise the same, inside TLS.
  const isPromised = extensions.has("REQUIRETLS") && isTls;
  return envelope.requireTls === true && !isPromised
    ? never("requiretls", "5.7.30 the next mail server does not support REQUIRETLS")
    : undefined;
}
