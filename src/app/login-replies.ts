/** What an SMTP client is told of its login (AUTH). An unknown account and a wrong password are one kind already. */
import { unreachable } from "../base/unreachable.ts";
import { text } from "../locales/locales.ts";
import type { Login } from "../login/login.ts";
import { reply, type Reply } from "../smtp/smtp.ts";

type Refused = Exclude<Login, { readonly kind: "ok" }>;

/** The answer to AUTH where nobody was logged in; the listener counts 535 as a wrong password. */
export function loginReply(login: Refused): Reply {
  switch (login.kind) {
    case "refused":
      return reply("535", "5.7.8", text("login.refused"));
    case "throttled":
      return reply("454", "4.7.0", text("login.throttled"));
    case "busy":
      return reply("454", "4.3.2", text("login.busy"));
    default:
      return unreachable(login);
  }
}
