/** Which parameters MAIL and RCPT may have: those of the extensions that EHLO announces (RFC 5321 §4.1.1.11). */
import type { SMTPServerAddress } from "smtp-server";

import { Refusal } from "./reply.ts";

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
