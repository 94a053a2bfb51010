/**
 * SMTP (RFC 5321) and LMTP (RFC 2033): the protocol that mail travels by.
 *
 * A client says EHLO, MAIL FROM, RCPT TO for each recipient, DATA and the message. The server answers each command with a
 * code: 2yz yes, 4yz not now, 5yz never. After `250` to the message the server is responsible for it; until then the client
 * keeps it and tries again. LMTP answers the message once for each recipient.
 *
 *     listener/   Sealpost as a server: submission with AUTH, MX, LMTP; limits for slow and greedy clients
 *     relay/      Sealpost as a client of the next hop
 *
 * A reply has a code and an enhanced code (RFC 3463), whose first digits must agree. `reply` here makes them agree by type: a
 * "try again" can never carry a permanent status. `reason.ts` names why something was refused, for logs and metrics.
 */
import { AppError } from "../base/errors.ts";
import { oneLine } from "../mail/one-line.ts";

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
type Class = "2" | "4" | "5";

type ReplyOf<C extends Class> = {
  readonly code: `${C}${Digit}${Digit}`;
  readonly enhanced: `${C}.${number}.${number}`;
  /** One line of printable text. */
  readonly text: string;
};

export type Reply = ReplyOf<"2"> | ReplyOf<"4"> | ReplyOf<"5">;

/** RFC 5321 §4.5.3.1.5: 512 octets a reply line, with code, enhanced code and CRLF. */
const MAX_TEXT_OCTETS = 480;

/** A reply; what cannot stand on its one line is taken out of the text, and a long text is cut. */
export function reply(
  code: ReplyOf<"2">["code"],
  enhanced: ReplyOf<"2">["enhanced"],
  text: string,
): Reply;
export function reply(
  code: ReplyOf<"4">["code"],
  enhanced: ReplyOf<"4">["enhanced"],
  text: string,
): Reply;
export function reply(
  code: ReplyOf<"5">["code"],
  enhanced: ReplyOf<"5">["enhanced"],
  text: string,
): Reply;
export function reply(code: string, enhanced: string, text: string): Reply {
  return { code, enhanced, text: cut(text) } as Reply;
}

export function isAccepted(given: Reply): boolean {
  return given.code.startsWith("2");
}

/** The one place where something thrown becomes a reply; the text names no host, path or policy. */
export function errorReply(error: unknown): Reply {
  const isTemporary = !(error instanceof AppError) || error.temporary;
  return isTemporary
    ? reply("451", "4.3.0", "temporary trouble here; try again later")
    : reply("554", "5.3.0", "this cannot be done here");
}

/** The same for AUTH: what is temporary has a code of its own there (RFC 4954 §6). */
export function loginErrorReply(error: unknown): Reply {
  const given = errorReply(error);
  return given.code.startsWith("4") ? reply("454", "4.3.0", given.text) : given;
}

/**
 * One reply for a message with several recipients. SMTP has one only, and nothing may be lost: a refusal for one refuses
 * the message, and "try again" goes before "never", because a second delivery to the others is the smaller harm.
 */
export function oneReply(replies: readonly Reply[]): Reply {
  return (
    replies.find(({ code }) => code.startsWith("4")) ??
    replies.find(({ code }) => code.startsWith("5")) ??
    replies[0] ??
    errorReply(undefined)
  );
}

/** A refusal in the form smtp-server takes it. */
export class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }

  static of(given: Reply): Refusal {
    return new Refusal(Number(given.code), `${given.enhanced} ${given.text}`);
  }
}

function cut(text: string): string {
  let line = oneLine(text).trim();
  while (Buffer.byteLength(line) > MAX_TEXT_OCTETS) line = line.slice(0, -16);
  return line;
}
