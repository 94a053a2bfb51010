/** What Sealpost itself writes to a sender when an accepted message could not be handed on. */
import { randomUUID } from "node:crypto";
import { text } from "../locales/locales.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";

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
  const date = o.now.toUTCString().replace(/GMT$/, "+0000");
  const boundary = `=_report_${randomUUID()}`;
  const reasons = o.failures.map(
    ({ recipient, text: said }) => `  <${formatAddress(recipient)}>: ${oneLine(said)}`,
  );
  const statuses = o.failures.flatMap(({ recipient, status, text: said }) => [
    "",
    `Final-Recipient: rfc822; ${formatAddress(recipient)}`,
    "Action: failed",
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${oneLine(said)}`,
  ]);
  return Buffer.from(
    [
      `From: ${text("bounce.from")} <postmaster@${o.hostname}>`,
      `To: <${formatAddress(o.sender)}>`,
      `Date: ${date}`,
      `Message-ID: <${randomUUID()}@${o.hostname}>`,
      `Subject: ${text("bounce.subject")}`,
      "Auto-Submitted: auto-replied",
      "MIME-Version: 1.0",
      `Content-Type: multipart/report; report-type=delivery-status; boundary="${boundary}"`,
      "",
      `--${boundary}`,
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: 8bit",
      "",
      text("bounce.lead", { messageId: oneLine(o.messageId) }),
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

/** Text of others on one line, without controls, at most 300 characters. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").slice(0, 300);
}
