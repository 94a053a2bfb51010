import { counted, text, type PlainKey } from "../locales/locales.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import { noticeHeader, TEXT_FIELDS } from "./notices.ts";
import { wrapped } from "./wrapped.ts";

/** What left in clear from the first day to the last one, in UTC. */
export type Digest = {
  readonly first: Date;
  readonly last: Date;
  readonly messages: number;
  /** States of recipients, and how many messages left in clear because of each. */
  readonly because: readonly (readonly [code: string, messages: number])[];
  /** Whether copies of sent mail say which messages these were. */
  readonly hasCopies: boolean;
};

/**
 * Tells a user how many of their messages left in clear, and why. It says neither whom they were for nor what they were about:
 * others may read it on its way. To be sent with the empty return path, so that nothing answers it.
 */
export function digestNotice(o: {
  readonly hostname: Domain;
  readonly owner: EmailAddress;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly digest: Digest;
  readonly now: Date;
}): Uint8Array {
  const { messages, because, hasCopies } = o.digest;
  return Buffer.from(
    [
      ...noticeHeader({
        from: text("digest.from"),
        hostname: o.hostname,
        to: o.owner,
        subject: text("digest.subject", { days: daysOf(o.digest) }),
        messageId: o.messageId,
        now: o.now,
        automatic: "auto-generated",
        body: TEXT_FIELDS,
      }),
      ...wrapped(counted("digest.lead", messages)),
      "",
      text("digest.because"),
      "",
      ...because.map(([code, count]) => `  ${String(count).padStart(4)}  ${reasonOf(code)}`),
      "",
      ...wrapped(hasCopies ? text("digest.where") : text("digest.no-copies")),
      "",
      ...(hasCopies ? [...wrapped(text("digest.command")), ""] : []),
      ...wrapped(text("digest.how-often")),
      "",
      ...wrapped(text("key-ending.no-link")),
      "",
    ].join("\r\n"),
  );
}

function daysOf({ first, last }: Digest): string {
  const [from, to] = [first, last].map((at) => at.toISOString().slice(0, 10));
  return from === to ? String(from) : text("digest.days", { from: String(from), to: String(to) });
}

const REASONS: ReadonlyMap<string, PlainKey> = new Map([
  ["NOSVC", "digest.because.NOSVC"],
  ["INSEC", "digest.because.INSEC"],
  ["NOKEY", "digest.because.NOKEY"],
  ["BADKEY", "digest.because.BADKEY"],
]);

/** A state without words of its own is named alone. */
function reasonOf(code: string): string {
  const key = REASONS.get(code);
  return key === undefined ? code : `${text(key)} (${code})`;
}
