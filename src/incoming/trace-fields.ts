/** The fields that the last hop puts before the header of a message. */
import { createHash } from "node:crypto";

import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { mailDate } from "../mail/date.ts";
import type { Envelope } from "../mail/envelope.ts";
import { type Header, makeField } from "../mail/header.ts";
import { readMessageFacts } from "../mail/mail.ts";

/** The last hop writes Return-Path, and every hop a Received field (RFC 5321 §4.4). `client` and `protocol`: the listener's. */
export function traceFields(o: {
  readonly envelope: Pick<Envelope, "from" | "smtpUtf8">;
  readonly received: { readonly protocol: string; readonly client: string };
  readonly hostname: string;
  readonly reader: EmailAddress;
  readonly now: Date;
}): Header {
  const { envelope, received, hostname, reader, now } = o;
  const from = envelope.from === undefined ? "<>" : `<${formatAddress(envelope.from)}>`;
  const date = mailDate(now);
  const to = formatAddress(reader);
  const utf8 = { utf8: envelope.smtpUtf8 === true };
  return [
    makeField("Return-Path", from, utf8),
    makeField(
      "Received",
      `from ${received.client} by ${hostname} with ${received.protocol} for <${to}>; ${date}`,
      utf8,
    ),
  ];
}

/**
 * A Message-ID of ours for a sealed message whose own is missing or cannot be read. With it an answer names the message
 * and is recognized as an answer to protected mail. It is made from the content: the same for all readers, and when the
 * transaction is repeated.
 */
export function missingMessageId(o: {
  readonly isSealed: boolean;
  readonly header: Header;
  readonly contentHash: Uint8Array;
  readonly hostname: string;
}): Header {
  if (!o.isSealed || readMessageFacts(o.header).messageId !== undefined) return [];
  const id = createHash("sha256").update("message-id").update(o.contentHash).digest("hex");
  return [makeField("Message-ID", `<${id.slice(0, 32)}@${o.hostname}>`)];
}
