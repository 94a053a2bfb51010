import { joined } from "../base/large-octets.ts";
import type { Clock } from "../base/time.ts";
import type { Domain } from "../mail/address.ts";
import { mailDate } from "../mail/date.ts";
import type { Envelope } from "../mail/envelope.ts";
import { type HeaderField, makeField, serializeHeader } from "../mail/header.ts";
import type { Copy } from "./copy.ts";

/**
 * The Received field of a copy, which stands above it (RFC 5321 §4.4). It says neither where the sender was nor who logged in: the
 * provider vouches for its users, and where they are is nobody's business (RFC 6409 §9). A next hop that is configured to be
 * told (`forward`) hears it in the session, not in the message.
 */
export function receivedField(deps: ReceivedDeps, envelope: Envelope): HeaderField {
  // RFC 3848, RFC 6531 §4.3: a login over TLS, the only way here.
  const protocol = envelope.smtpUtf8 === true ? "UTF8SMTPSA" : "ESMTPSA";
  const date = mailDate(deps.clock.now());
  return makeField("Received", `by ${deps.hostname} with ${protocol}; ${date}`);
}

/** A copy that is sent as it was prepared, with the field above it. */
export async function withReceived(deps: ReceivedDeps, { envelope, message }: Copy): Promise<Copy> {
  const field = serializeHeader([receivedField(deps, envelope)]);
  return { envelope, message: await joined([field, message]) };
}

export type ReceivedDeps = { readonly clock: Clock; readonly hostname: Domain };
