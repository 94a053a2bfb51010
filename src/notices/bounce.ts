/** What Sealpost itself writes to a sender when an accepted message could not be handed on. */
import { randomUUID } from "node:crypto";

import { text } from "../locales/locales.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { oneLine } from "../mail/one-line.ts";
import { noticeHeader, TEXT_FIELDS } from "./notices.ts";

export type Failure = {
  readonly recipient: EmailAddress;
  /** Enhanced status code of class 5 or 4 (RFC 3463). */
  readonly status: string;
  /** What the next hop said; shown to the sender only. */
  readonly text: string;
};

/**
 * A delivery status notification (RFC 3464): envelope and reason only, never a word of the message or its subject.
 * To be sent with the empty return path.
 */
export function bounce(o: {
  readonly hostname: Domain;
  readonly sender: EmailAddress;
  readonly messageId: string;
  readonly failures: readonly Failure[];
  readonly now: Date;
}): Uint8Array {
  const boundary = `=_report_${randomUUID()}`;
  const failures = o.failures.map((one) => ({ ...one, said: short(one.text) }));
  const reasons = failures.map(({ recipient, said }) => `  <${formatAddress(recipient)}>: ${said}`);
  const statuses = failures.flatMap(({ recipient, status, said }) => [
    "",
    `Final-Recipient: rfc822; ${formatAddress(recipient)}`,
    "Action: failed",
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${said}`,
  ]);
  return Buffer.from(
    [
      ...noticeHeader({
        from: text("bounce.from"),
        hostname: o.hostname,
        to: o.sender,
        subject: text("bounce.subject"),
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
      text("bounce.lead", { messageId: short(o.messageId) }),
      "",
      ...reasons,
      "",
      text("bounce.what-to-do"),
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
