import { joined } from "../base/large-octets.ts";
import type { Clock } from "../base/time.ts";
import type { Domain } from "../mail/address.ts";
import { makeField, serializeHeader } from "../mail/header.ts";
import type { Copy } from "./copies.ts";

/**
 * A copy with a Received field above it (RFC 5321 §4.4). The field says neither where the sender was nor who logged in: the
 * provider vouches for its users, and where they are is nobody's business (RFC 6409 §9).
 */
export async function withReceived(
  deps: { readonly clock: Clock; readonly hostname: Domain },
  copy: Copy,
): Promise<Copy> {
  const { envelope, message } = copy;
  // RFC 3848, RFC 6531 §4.3: a login over TLS, the only way here.
  const protocol = envelope.smtpUtf8 === true ? "UTF8SMTPSA" : "ESMTPSA";
  const date = deps.clock.now().toUTCString().replace(/GMT$/, "+0000");
  const field = makeField("Received", `by ${deps.hostname} with ${protocol}; ${date}`);
  return { ...copy, message: await joined([serializeHeader([field]), message]) };
}
