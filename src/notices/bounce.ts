/** What Sealpost itself writes to a sender when an accepted message waits for long, or does not reach a recipient. */
import { randomUUID } from "node:crypto";

import { timeText } from "../locales/dates.ts";
import { text } from "../locales/locales.ts";
import { formatAddress, isAscii, type Domain, type EmailAddress } from "../mail/address.ts";
import { oneLine } from "../mail/one-line.ts";
import type { Language } from "../words/language.ts";
import { fieldLine, noticeHeader, textEntity, wrapped } from "./notices.ts";

export type Failure = {
  readonly recipient: EmailAddress;
  /** Enhanced status code of class 5 or 4 (RFC 3463). */
  readonly status: string;
  /** In a language, or in that of the next hop, whose words are as they are; shown to the sender only. */
  readonly reason: (language: Language) => string;
};

type Report = {
  readonly hostname: Domain;
  readonly sender: EmailAddress;
  readonly language: Language;
  readonly messageId: string;
  readonly failures: readonly Failure[];
  readonly now: Date;
};

/**
 * A delivery status notification (RFC 3464): envelope and reason only, never a word of the message or its subject.
 * To be sent with the empty return path.
 */
export function bounce(o: Report): Uint8Array {
  const { language } = o;
  return report(o, "failed", {
    subject: text("bounce.subject", language),
    lead: text("bounce.lead", { messageId: short(o.messageId) }, language),
    last: text("bounce.what-to-do", language),
  });
}

/** The same for a message that waits until `until`, and is still tried (RFC 3464 §2.3.3, "delayed"). */
export function delayNotice(o: Report & { readonly until: Date }): Uint8Array {
  const { language } = o;
  return report(o, "delayed", {
    subject: text("delay.subject", language),
    lead: text("delay.lead", { messageId: short(o.messageId) }, language),
    last: text("delay.what-to-do", { until: timeText(o.until, language) }, language),
  });
}

function report(
  o: Report,
  action: "failed" | "delayed",
  words: { readonly subject: string; readonly lead: string; readonly last: string },
): Uint8Array {
  const { hostname, language, failures } = o;
  const boundary = `=_report_${randomUUID()}`;
  const reasons = failures.flatMap(({ recipient, reason }) =>
    wrapped(`<${formatAddress(recipient)}>: ${short(reason(language))}`, ["  ", "    "]),
  );
  return Buffer.from(
    [
      ...noticeHeader({
        from: text("bounce.from", language),
        hostname,
        to: o.sender,
        subject: words.subject,
        language,
        messageId: `<${randomUUID()}@${hostname}>`,
        now: o.now,
        automatic: "auto-replied",
      }),
      `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
      "",
      `--${boundary}`,
      ...textEntity([...wrapped(words.lead), "", ...reasons, "", ...wrapped(words.last), ""]),
      `--${boundary}`,
      "Content-Type: message/delivery-status",
      "",
      `Reporting-MTA: dns; ${hostname}`,
      ...failures.flatMap((failure) => ["", ...statusOf(failure, action)]),
      "",
      `--${boundary}--`,
      "",
    ].join("\r\n"),
  );
}

/** What programs read of a recipient: in English, and in ASCII (RFC 3464 §2.1). */
function statusOf(
  { recipient, status, reason }: Failure,
  action: "failed" | "delayed",
): readonly string[] {
  return [
    fieldLine("Final-Recipient", typedAddress(recipient)),
    `Action: ${action}`,
    `Status: ${status}`,
    fieldLine("Diagnostic-Code", `smtp; ${short(reason("en")).replaceAll(/[^ -~]/gu, "?")}`),
  ];
}

/** RFC 6533 §3: an address beyond ASCII has a type of its own, in which its characters can be said in ASCII. */
function typedAddress(address: EmailAddress): string {
  const plain = formatAddress(address);
  if (isAscii(address)) return `rfc822; ${plain}`;
  const escaped = plain.replaceAll(/[^!-~]|[\\+=]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return `\\x{${point.toString(16).toUpperCase().padStart(2, "0")}}`;
  });
  return `utf-8; ${escaped}`;
}

/** Maximum length of what others said. */
const MAX_SAID = 300;

function short(said: string): string {
  return oneLine(said).slice(0, MAX_SAID);
}
