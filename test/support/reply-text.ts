import type { Reply } from "../../src/smtp/smtp.ts";

/** `550 5.1.1 no such user here`, without a line end. */
export function replyText({ code, enhanced, text }: Reply): string {
  return `${code} ${enhanced} ${text}`;
}
