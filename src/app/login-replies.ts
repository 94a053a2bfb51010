/**
 * What an SMTP client is told of its login: the words of the listener, which counts wrong passwords and makes the replies of
 * AUTH (`smtp/listener/auth.ts`). An unknown account and a wrong password are one kind already.
 */
import { unreachable } from "../base/unreachable.ts";
import type { Login } from "../login/login.ts";
import type { Handlers } from "../smtp/listener/handlers.ts";

type Refused = Exclude<Login, { readonly kind: "ok" }>;

type Answer = Extract<Awaited<ReturnType<NonNullable<Handlers<object>["login"]>>>, string>;

/** The answer to AUTH where nobody was logged in. */
export function loginAnswer(login: Refused): Answer {
  switch (login.kind) {
    case "refused":
      return "refused";
    case "throttled":
      return "throttled";
    case "busy":
      return "busy";
    default:
      return unreachable(login);
  }
}
