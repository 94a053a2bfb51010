/** AUTH to a hop: PLAIN, and only where nobody on the way can read it (RFC 4954 §4, RFC 4616). */
import { readFile } from "node:fs/promises";

import { AppError, errorText } from "../../base/errors.ts";
import type { SmtpClient } from "./client.ts";
import type { Hop, Outcome } from "./hop.ts";
import type { Extensions } from "./obstacle.ts";
import { notNow, retry } from "./outcome-of.ts";

/**
 * Logs in where the hop is to be told a user. An `Outcome` where it does not let us in: nothing bounces for that.
 * @throws AppError when there is no password, or no reply in time
 */
export async function logIn(
  { login, tls }: Hop,
  client: Pick<SmtpClient, "isTls" | "isLocal" | "ask">,
  extensions: Extensions,
  timeoutMs: number,
): Promise<Outcome | undefined> {
  if (login === undefined) return undefined;
  const isChecked = client.isTls && tls === "required";
  if (!isChecked && !client.isLocal) {
    return notNow(
      "unchecked-tls",
      "4.7.0 a password is given to no next mail server whose TLS is not checked",
    );
  }
  const mechanisms = (extensions.get("AUTH") ?? "").toUpperCase().split(" ");
  if (!mechanisms.includes("PLAIN")) {
    return notNow("no-login", "4.7.0 the next mail server offers no AUTH PLAIN");
  }
  const password = await passwordIn(login.passwordFile);
  const response = Buffer.from(`\0${login.user}\0${password}`).toString("base64");
  const [answer] = await client.ask([`AUTH PLAIN ${response}`], timeoutMs);
  return answer?.code === 235 ? undefined : retry(answer);
}

/** The password in a file: its only line. @throws AppError when the file cannot be read or holds anything else. */
export async function passwordIn(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError(`${file} cannot be read (${errorText(cause)})`, { temporary: true, cause });
  }
  const password = text.replace(/\r?\n$/, "");
  // RFC 4616 §2: no NUL.
  if (password !== "" && !/[\r\n\0]/.test(password)) return password;
  throw new AppError(`${file} does not hold one line with a password`, { temporary: true });
}
