/** An envelope as text, in rows of what waits. */
import { formatAddress, parseAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";

/** As JSON; the empty return path is "". */
export function writeEnvelope(envelope: Envelope): string {
  return JSON.stringify({
    ...envelope,
    from: envelope.from === undefined ? "" : formatAddress(envelope.from),
    recipients: envelope.recipients.map((address) => formatAddress(address)),
  });
}

/** Reads what `writeEnvelope` wrote: our own text, out of our own database. */
export function readEnvelope(text: string): Envelope {
  const value = JSON.parse(text) as Omit<Envelope, "from" | "recipients"> & {
    readonly from: string;
    readonly recipients: readonly string[];
  };
  return {
    ...value,
    from: parseAddress(value.from),
    recipients: value.recipients.flatMap((address) => parseAddress(address) ?? []),
  };
}
