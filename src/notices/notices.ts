/**
 * Notices: the mail that Sealpost writes itself.
 *
 *     bounce        an accepted message does not reach a recipient, or waits for long (RFC 3464)
 *     key-ending    a key ends soon, and only its owner can extend it
 *     digest        mail of a day left in clear, because recipients could not be encrypted for
 *
 * A notice goes to a user of ours, never to a stranger: whoever forges a sender must not make us write to them. It is sent
 * with the empty return path and marked as automatic (RFC 3834), so that nothing answers it. It holds no word of anybody's
 * message and no link: a mail that asks users to click is what an attacker would send. It is in the language of its reader, whose
 * words are in `locales/`. All of it is ASCII on the way: no next hop need take more, and nobody would hear of a lost notice.
 */
import { isAscii } from "node:buffer";

import { utf8 } from "../base/bytes.ts";
import { formatAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { mailDate } from "../mail/date.ts";
import { makeField } from "../mail/header.ts";
import { encodeTransfer } from "../mail/transfer-encoding.ts";
import type { Language } from "../words/language.ts";

/** The header of a notice, as lines, without what says how its body is to be read. */
export function noticeHeader(o: {
  /** The name that stands beside our postmaster's address. */
  readonly from: string;
  readonly hostname: Domain;
  readonly to: EmailAddress;
  readonly subject: string;
  readonly language: Language;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly now: Date;
  /** RFC 3834 §5: an answer to a message, or written without one. */
  readonly automatic: "auto-replied" | "auto-generated";
}): readonly string[] {
  return [
    fieldLine("From", `${o.from} <postmaster@${o.hostname}>`),
    // An address beyond ASCII stays as it is: a hop that takes mail for it takes this as well (RFC 6531 §3.1).
    `To: <${formatAddress(o.to)}>`,
    `Date: ${mailDate(o.now)}`,
    `Message-ID: ${o.messageId}`,
    fieldLine("Subject", o.subject),
    // RFC 3282 §2.
    `Content-Language: ${o.language}`,
    `Auto-Submitted: ${o.automatic}`,
    "MIME-Version: 1.0",
  ];
}

/** A field on as many lines as it needs, in ASCII (RFC 2047). */
export function fieldLine(name: string, body: string): string {
  return Buffer.from(makeField(name, body).raw).toString().trimEnd();
}

/** Lines for people as an entity: its fields, an empty line, and the text. */
export function textEntity(lines: readonly string[]): readonly string[] {
  const text = utf8(lines.join("\r\n"));
  const encoding = isAscii(text) ? "7bit" : "quoted-printable";
  return [
    "Content-Type: text/plain; charset=utf-8",
    `Content-Transfer-Encoding: ${encoding}`,
    "",
    Buffer.from(encodeTransfer(text, encoding)).toString(),
  ];
}

/**
 * A text on lines of at most 78 characters (RFC 5322 §2.1.1), of which the first begins with one indent and the others with
 * another. A word that is longer has a line of its own.
 */
export function wrapped(text: string, [first, others] = ["", ""]): readonly string[] {
  const lines: string[] = [];
  let line = first;
  for (const word of text.trim().split(/ +/)) {
    const isEmpty = line === (lines.length === 0 ? first : others);
    if (!isEmpty && line.length + 1 + word.length > LINE_WIDTH) {
      lines.push(line);
      line = others + word;
    } else line += isEmpty ? word : ` ${word}`;
  }
  return [...lines, line];
}

const LINE_WIDTH = 78;
