/** RCPT TO: a recipient joins the envelope where there is room and the handler takes it; who guesses names is sent away. */
import type { SMTPServerAddress, SMTPServerSession } from "smtp-server";

import { isAccepted, Refusal } from "../smtp.ts";
import { envelopeOf, parsePath, type Connection } from "./connection.ts";
import type { Client, Handlers, ListenerLimits, ListenerMode } from "./handlers.ts";
import { RCPT, refuseUnannounced } from "./parameters.ts";

/** Maximum number of refused recipients of one connection at the MX. */
const MAX_REFUSED_RECIPIENTS = 20;

export type RcptDeps<Login extends object> = {
  readonly handlers: Handlers<Login>;
  readonly limits: ListenerLimits;
  readonly mode: ListenerMode;
  /** Where `<postmaster>` alone is. */
  readonly domain: string;
};

/** Adds a recipient to the envelope of a connection. @throws Refusal */
export async function answerRcpt<Login extends object>(
  { handlers, limits, mode, domain }: RcptDeps<Login>,
  { client, connection }: { readonly client: Client<Login>; readonly connection: Connection },
  address: SMTPServerAddress,
  session: SMTPServerSession,
): Promise<void> {
  if (connection.recipients.length >= limits.recipients) {
    throw new Refusal(452, "4.5.3 too many recipients");
  }
  refuseUnannounced(address, RCPT);
  const recipient = parsePath(withDomain(address, domain), session, "5.1.3");
  const envelope = { ...envelopeOf(connection, session), sizeBytes: announcedSize(session) };
  const answer = await handlers.rcpt(client, envelope, recipient);
  if (answer === "ok" || isAccepted(answer)) {
    connection.recipients.push(recipient);
    return;
  }
  connection.refusedRecipients += 1;
  if (mode === "mx" && connection.refusedRecipients > MAX_REFUSED_RECIPIENTS) {
    throw new Refusal(421, "4.7.0 too many refused recipients");
  }
  throw Refusal.of(answer);
}

/** RFC 5321 §4.1.1.3: `<postmaster>` alone is somebody at this host. */
function withDomain(given: SMTPServerAddress, domain: string): SMTPServerAddress {
  return given.address.includes("@") ? given : { ...given, address: `${given.address}@${domain}` };
}

/** What SIZE of MAIL FROM said (RFC 1870); 0 when nothing. */
function announcedSize({ envelope: { mailFrom } }: SMTPServerSession): number {
  const args = mailFrom === false ? false : mailFrom.args;
  return args === false ? 0 : Number(args["SIZE"] ?? 0);
}
