/** What Sealpost itself writes to a sender when an accepted message waits for long, or does not reach a recipient. */
import { randomUUID } from "node:crypto";

import { text } from "../locales/locales.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { mailDate } from "../mail/date.ts";
import { oneLine } from "../mail/one-line.ts";
import { noticeHeader, TEXT_FIELDS } from "./notices.ts";

export type Failure = {
  readonly recipient: EmailAddress;
  /** Enhanced status code of class 5 or 4 (RFC 3463). */
  readonly status: string;
  /** What the next hop said; shown to the sender only. */
  readonly text: string;
};

type Report = {
  readonly hostname: Domain;
  readonly sender: EmailAddress;
  readonly messageId: string;
  readonly failures: readonly Failure[];
  readonly now: Date;
};

/**
 * A delivery status notification (RFC 3464): envelope and reason only, never a word of the message or its subject.
 * To be sent with the empty return path.
 */
export function bounce(o: Report): Uint8Array {
  return report(o, "failed", {
    subject: text("bounce.subject"),
    lead: text("bounce.lead", { messageId: short(o.messageId) }),
    last: text("bounce.what-to-do"),
  });
}

/** The same for a message that waits until `until`, and is still tried (RFC 3464 §2.3.3, "delayed"). */
export function delayNotice(o: Report & { readonly until: Date }): Uint8Array {
  return report(o, "delayed", {
    subject: text("delay.subject"),
    lead: text("delay.lead", { messageId: short(o.messageId) }),
    last: text("delay.what-to-do", { until: mailDate(o.until) }),
  });
}

function report(
  o: Report,
  action: "failed" | "delayed",
  words: { readonly subject: string; readonly lead: string; readonly last: string },
): Uint8Array {
  const boundary = `=_report_${randomUUID()}`;
  const failures = o.failures.map((one) => ({ ...one, said: short(one.text) }));
  const reasons = failures.map(({ recipient, said }) => `  <${formatAddress(recipient)}>: ${said}`);
  const statuses = failures.flatMap(({ recipient, status, said }) => [
    "",
    `Final-Recipient: rfc822; ${formatAddress(recipient)}`,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${said}`,
  ]);
  return Buffer.from(
    [
      ...noticeHeader({
        from: text("bounce.from"),
        hostname: o.hostname,
        to: o.sender,
        subject: words.subject,
        messageId: `<${randomUUID()}@${o.hostname}>`,
        now: o.now,
        automatic: "auto-replied",
        body: [
          `Content-Type: multipart/report; report-type=delivery-status; boundary="${boundary}"`,
        ],
      }),
      `--${boundary}`,
      ...TEXT_FIELDS,
      "",
      words.lead,
      "",
      ...reasons,
      "",
      words.last,
      "",
      `--${boundary}`,
      "Content-Type: message/delivery-status",
      "",
      `Reporting-MTA: dns; ${o.hostname}`,
      ...statuses,
      "",
      `--${boundary}--`,
      "",
    ].join("\r\n"),
  );
}

/** Maximum length of what others said. */
const MAX_SAID = 300;

function short(text: string): string {
  return oneLine(text).slice(0, MAX_SAID);
}
