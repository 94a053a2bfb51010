/** AUTH (RFC 4954): the handler looks at a password, and a client that keeps giving wrong ones is sent away. */
import type { SMTPServerAuthentication } from "smtp-server";

import type { Secret } from "../../base/secret.ts";
import { Refusal } from "../smtp.ts";
import type { Connection } from "./connection.ts";
import type { Handlers } from "./handlers.ts";

/** Maximum number of wrong passwords on one connection. */
const MAX_REFUSED_LOGINS = 3;

/** The login of a right password; `takePassword` gives the one that the client has just sent. @throws Refusal otherwise. */
export async function answerAuth<Login extends object>(
  login: Handlers<Login>["login"],
  connection: Connection,
  { username = "", authzid = "" }: SMTPServerAuthentication,
  takePassword: () => Secret | undefined,
): Promise<Login> {
  using password = takePassword();
  // RFC 4616 §2: to act as somebody else is a right nobody has here.
  if (authzid !== "" && authzid !== username) {
    throw new Refusal(535, "5.7.8 no login may act for another one");
  }
  if (login === undefined || password === undefined) {
    throw new Refusal(535, "5.7.8 no password was read");
  }
  const answer = await login(username, password, connection.network, connection.left.signal);
  if (answer.kind === "logged-in") return answer.login;
  // RFC 4954 §6: 535 is for wrong credentials; every other code says nothing of the password.
  if (answer.reply.code === "535") connection.refusedLogins += 1;
  throw connection.refusedLogins < MAX_REFUSED_LOGINS
    ? Refusal.of(answer.reply)
    : new Refusal(421, "4.7.0 too many failed logins");
}
