/**
 * Notices: the mail that Sealpost writes itself.
 *
 *     bounce        an accepted message does not reach a recipient, or waits for long (RFC 3464)
 *     key-ending    a key ends soon, and only its owner can extend it
 *     digest        mail of a day left in clear, because recipients could not be encrypted for
 *
 * A notice goes to a user of ours, never to a stranger: whoever forges a sender must not make us write to them. It is sent
 * with the empty return path and marked as automatic (RFC 3834), so that nothing answers it. It holds no word of anybody's
 * message and no link: a mail that asks users to click is what an attacker would send. The words are in `locales/`.
 */
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { mailDate } from "../mail/date.ts";

/** The header of a notice, as lines; `contentType` and what follows it are those of its body. */
export function noticeHeader(o: {
  /** The name that stands beside our postmaster's address. */
  readonly from: string;
  readonly hostname: Domain;
  readonly to: EmailAddress;
  readonly subject: string;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly now: Date;
  /** RFC 3834 §5: an answer to a message, or written without one. */
  readonly automatic: "auto-replied" | "auto-generated";
  readonly body: readonly string[];
}): readonly string[] {
  return [
    `From: ${o.from} <postmaster@${o.hostname}>`,
    `To: <${formatAddress(o.to)}>`,
    `Date: ${mailDate(o.now)}`,
    `Message-ID: ${o.messageId}`,
    `Subject: ${o.subject}`,
    `Auto-Submitted: ${o.automatic}`,
    "MIME-Version: 1.0",
    ...o.body,
    "",
  ];
}

/** The fields of a body that is a text. */
export const TEXT_FIELDS: readonly string[] = [
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 8bit",
];
