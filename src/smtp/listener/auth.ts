/** AUTH (RFC 4954): a password is asked about, and a client that keeps giving wrong ones is sent away. */
import type { SMTPServerAuthentication } from "smtp-server";

import type { Secret } from "../../base/secret.ts";
import type { Connection } from "./connection.ts";
import type { Handlers } from "./handlers.ts";
import { Refusal } from "../smtp.ts";

/** Maximum number of wrong passwords on one connection. */
const MAX_REFUSED_LOGINS = 3;

/** The login of a right password; `takePassword` gives the one that the client has just sent. @throws Refusal otherwise. */
export async function answerAuth<Login extends object>(
  login: Handlers<Login>["login"],
  connection: Connection,
  { username = "", authzid = "" }: SMTPServerAuthentication,
  takePassword: () => Secret | undefined,
): Promise<Login> {
  // RFC 4616 §2: to act as somebody else is a right nobody has here.
  if (login === undefined || (authzid !== "" && authzid !== username)) throw wrongPassword();
  using password = takePassword();
  if (password === undefined) throw wrongPassword();
  const outcome = await login(username, password, connection.network, connection.left.signal);
  switch (outcome) {
    case "throttled":
      throw new Refusal(454, "4.7.0 too many failed logins; try again later");
    case "busy":
      throw new Refusal(454, "4.3.2 too many logins at once; try again later");
    case "refused":
      connection.refusedLogins += 1;
      throw connection.refusedLogins < MAX_REFUSED_LOGINS
        ? wrongPassword()
        : new Refusal(421, "4.7.0 too many failed logins");
    default:
      return outcome;
  }
}

function wrongPassword(): Refusal {
  return new Refusal(535, "5.7.8 authentication credentials invalid");
}
