import { DAY } from "../base/time.ts";
import { dayText, timeText } from "../locales/dates.ts";
import { counted, text } from "../locales/locales.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import type { Language } from "../words/language.ts";
import { noticeHeader, textEntity, wrapped } from "./notices.ts";

/** A key whose life its owner alone can extend. */
export type KeyEnding = {
  readonly owner: EmailAddress;
  /** The address that the key is for: the owner's own, or an alias of theirs. */
  readonly address: EmailAddress;
  readonly fingerprint: string;
  readonly endsAt: Date;
  readonly way: "device" | "login";
};

/**
 * Tells a user that their key ends, what happens then, and what they can do. To be sent with the empty return path, so that
 * nothing answers it.
 */
export function keyEndingNotice(o: {
  readonly hostname: Domain;
  readonly messageId: string;
  readonly ending: KeyEnding;
  readonly language: Language;
  readonly now: Date;
}): Uint8Array {
  const { ending, language } = o;
  const days = Math.ceil((ending.endsAt.getTime() - o.now.getTime()) / DAY);
  return Buffer.from(
    [
      ...noticeHeader({
        from: text("key-ending.from", language),
        hostname: o.hostname,
        to: ending.owner,
        subject: text("key-ending.subject", { day: dayText(ending.endsAt, language) }, language),
        language,
        messageId: o.messageId,
        now: o.now,
        automatic: "auto-generated",
      }),
      ...textEntity([
        ...wrapped(counted("key-ending.lead", days, language)),
        "",
        ...table(ending, language),
        "",
        ...wrapped(text("key-ending.what-happens", language)),
        "",
        ...whatToDo(ending.way, language).flatMap((paragraph) => wrapped(paragraph)),
        "",
        ...wrapped(text("key-ending.no-link", language)),
        "",
      ]),
    ].join("\r\n"),
  );
}

function table({ address, fingerprint, endsAt }: KeyEnding, language: Language): readonly string[] {
  const rows = [
    [text("key-ending.address", language), formatAddress(address)],
    [text("key-ending.fingerprint", language), fingerprint.toUpperCase()],
    [text("key-ending.ends", language), timeText(endsAt, language)],
  ] as const;
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`);
}

/** The last line of the first is for the provider, and is short enough not to be broken. */
function whatToDo(way: KeyEnding["way"], language: Language): readonly string[] {
  return way === "device"
    ? [text("key-ending.device", language), text("key-ending.device.provider", language)]
    : [text("key-ending.login", language)];
}
