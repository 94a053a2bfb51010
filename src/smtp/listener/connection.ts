/** What is known of a connection and of the transaction on it, and how its words become ours. */
import type { SMTPServerAddress, SMTPServerSession } from "smtp-server";

import { isAscii, parseAddress, type EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { Refusal } from "../smtp.ts";
import { NO_NAME } from "./handlers.ts";

/** Not a value: it counts what happens on a connection. */
export type Connection = {
  readonly network: string;
  /** Sends away whoever says nothing. */
  readonly firstCommand: NodeJS.Timeout;
  /** Aborted when the client has gone. */
  readonly left: AbortController;
  /** Since the last MAIL FROM. The list has every accepted RCPT; smtp-server's own drops repeated ones. */
  from: EmailAddress | undefined;
  recipients: EmailAddress[];
  refusedLogins: number;
  refusedRecipients: number;
  /** The name of the transaction since the last MAIL FROM; "" before. */
  transaction: string;
  /** Of that MAIL FROM, on a clock that nobody sets; 0 before. */
  startedMs: number;
  /** Of the message that came; 0 before. */
  sizeBytes: number;
  running: number;
  whenIdle: (() => void) | undefined;
};

export function newConnection(network: string, firstCommand: NodeJS.Timeout): Connection {
  return {
    network,
    firstCommand,
    left: new AbortController(),
    from: undefined,
    recipients: [],
    refusedLogins: 0,
    refusedRecipients: 0,
    transaction: "",
    startedMs: 0,
    sizeBytes: 0,
    running: 0,
    whenIdle: undefined,
  };
}

const HELO_NAME = /^[-A-Za-z0-9._:[\]]{1,255}$/;

/** The name given in EHLO, where it can stand in a header field. */
export function nameOf({ hostNameAppearsAs }: SMTPServerSession): string {
  return HELO_NAME.test(hostNameAppearsAs) ? hostNameAppearsAs : NO_NAME;
}

/** The envelope as it stands; a repeated recipient counts once unless every RCPT has its own reply (LMTP). */
export function envelopeOf(
  { from, recipients }: Connection,
  session: SMTPServerSession,
  isDistinct = true,
): Envelope {
  const { smtpUtf8, requireTLS } = session.envelope;
  return {
    from,
    recipients: isDistinct ? distinct(recipients) : [...recipients],
    ...(smtpUtf8 === true ? { smtpUtf8 } : {}),
    ...(requireTLS === true ? { requireTls: true } : {}),
  };
}

function distinct(addresses: readonly EmailAddress[]): readonly EmailAddress[] {
  return [...new Map(addresses.map((one) => [`${one.local}@${one.domain}`, one])).values()];
}

/** RFC 6531 §3.4, §3.6: UTF-8 in a path only where the client said SMTPUTF8. @throws Refusal when it is no address. */
export function parsePath(
  { address }: SMTPServerAddress,
  session: SMTPServerSession,
  enhanced: "5.1.3" | "5.1.7",
): EmailAddress {
  const parsed = address.includes("\u{FFFD}") ? undefined : parseAddress(address);
  if (parsed === undefined) throw new Refusal(553, `${enhanced} this address is not possible`);
  if (!isAscii(parsed) && session.envelope.smtpUtf8 !== true) {
    throw new Refusal(553, "5.6.7 non-ASCII addresses need SMTPUTF8");
  }
  return parsed;
}
