/** Which parameters MAIL and RCPT may have: those of the extensions that EHLO announces (RFC 5321 §4.1.1.11). */
import type { SMTPServer, SMTPServerAddress } from "smtp-server";

import { Refusal, reply, type Reply } from "../smtp.ts";

type ServerConnection = SMTPServer["connections"] extends Set<infer One> ? One : never;

const TOO_LARGE = 552;

/** SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), REQUIRETLS (RFC 8689); smtp-server looks at their values. */
export const MAIL: ReadonlySet<string> = new Set(["SIZE", "BODY", "SMTPUTF8", "REQUIRETLS"]);

/** Submission announces AUTH too, whose parameter may stand here and is not believed (RFC 4954 §5). */
export const MAIL_OF_CLIENTS: ReadonlySet<string> = new Set([...MAIL, "AUTH"]);

/** DSN is not announced (docs/adr/0016-no-dsn-extension.md), so RCPT has no parameters. */
export const RCPT: ReadonlySet<string> = new Set();

/** RFC 5321 §4.1.1.11: a parameter that is not recognized is answered 555. @throws Refusal when there is one. */
export function refuseUnannounced(
  { args }: SMTPServerAddress,
  announced: ReadonlySet<string>,
): void {
  if (args !== false && !Object.keys(args).every((name) => announced.has(name))) {
    throw new Refusal(555, "5.5.4 a parameter of an extension that is not offered here");
  }
}

/**
 * smtp-server refuses an announced size by itself: without an enhanced code, and heard by nobody who keeps the log. From here
 * on it leaves that to `refuseAnnouncedSize`. It looks at every other value as before.
 */
export function takeOverSize(connection: ServerConnection): void {
  const validate = connection._validateMailParams.bind(connection);
  connection._validateMailParams = (parsed) => {
    const fault = validate(parsed);
    return fault?.code === TOO_LARGE ? null : fault;
  };
}

/** RFC 1870 §6.1: more than is taken is refused before the message comes. @throws Refusal when SIZE says more. */
export function refuseAnnouncedSize({ args }: SMTPServerAddress, messageBytes: number): void {
  if (args !== false && Number(args["SIZE"] ?? 0) > messageBytes)
    throw Refusal.of(tooLarge(messageBytes));
}

/** The answer to MAIL FROM, or to DATA where no size was announced. */
export function tooLarge(messageBytes: number): Reply {
  return reply("552", "5.3.4", `the message is larger than ${String(messageBytes)} bytes`);
}
