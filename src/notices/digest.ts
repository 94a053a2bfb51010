import { dayText } from "../locales/dates.ts";
import { counted, text } from "../locales/locales.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import type { Language } from "../words/language.ts";
import { noticeHeader, textEntity, wrapped } from "./notices.ts";

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
  readonly language: Language;
  readonly now: Date;
}): Uint8Array {
  const { digest, language } = o;
  const { messages, because, hasCopies } = digest;
  return Buffer.from(
    [
      ...noticeHeader({
        from: text("digest.from", language),
        hostname: o.hostname,
        to: o.owner,
        subject: text("digest.subject", { days: daysOf(digest, language) }, language),
        language,
        messageId: o.messageId,
        now: o.now,
        automatic: "auto-generated",
      }),
      ...textEntity([
        ...wrapped(counted("digest.lead", messages, language)),
        "",
        text("digest.because", language),
        "",
        ...because.flatMap(([code, count]) => row(count, reasonOf(code, language))),
        "",
        ...wrapped(text(hasCopies ? "digest.where" : "digest.no-copies", language)),
        "",
        ...(hasCopies ? [...wrapped(text("digest.command", language)), ""] : []),
        ...wrapped(text("digest.how-often", language)),
        "",
        ...wrapped(text("key-ending.no-link", language)),
        "",
      ]),
    ].join("\r\n"),
  );
}

function row(count: number, reason: string): readonly string[] {
  const figure = `  ${String(count).padStart(4)}  `;
  return wrapped(reason, [figure, " ".repeat(figure.length)]);
}

function daysOf({ first, last }: Digest, language: Language): string {
  const [from, to] = [dayText(first, language), dayText(last, language)];
  return from === to ? from : text("digest.days", { from, to }, language);
}

const REASONS = {
  NOSVC: "digest.because.NOSVC",
  INSEC: "digest.because.INSEC",
  NOKEY: "digest.because.NOKEY",
  BADKEY: "digest.because.BADKEY",
} as const;

/** The words of a state are ours alone: whatever else a row says is told as another reason. */
function reasonOf(code: string, language: Language): string {
  return isKnown(code)
    ? `${text(REASONS[code], language)} (${code})`
    : text("digest.because.other", language);
}

function isKnown(code: string): code is keyof typeof REASONS {
  return Object.hasOwn(REASONS, code);
}
