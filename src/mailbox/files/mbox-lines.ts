/**
 * The lines of mbox files. We write the form mboxrd: each message begins with a From_ line (RFC 4155), an empty line ends it, and
 * a line of the message that begins with `From `, after any number of `>`, gets one `>` more. So it can be taken off again. Lines end with LF.
 */
import { asBuffer } from "../../base/bytes.ts";
import { parseDate } from "../../base/time.ts";
import { toCrlf } from "../../mail/mail.ts";

/** Whom a From_ line names that has no sender. */
const NOBODY = "MAILER-DAEMON";
/** Maximum length of a From_ line, in octets. */
export const MAX_FROM_LINE = 1024;

/** The line before a message, with its end. `sender`: of the envelope, where it is known. Times are in UTC. */
export function fromLine(sender: string | undefined, receivedAt: Date): string {
  const isUsable = sender !== undefined && /^[!-~]+$/.test(sender);
  const [weekday = "", day = "", month = "", year = "", time = ""] = receivedAt
    .toUTCString()
    .replace(",", "")
    .split(" ");
  const date = `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
  return `From ${isUsable ? sender : NOBODY} ${date}\n`;
}

const WEEKDAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const ZONE = "[A-Z]{1,5}|[+-]\\d{4}";
/** What programs write: seconds and a zone may be missing, and the zone may stand before the year or after it. */
const FROM_LINE = new RegExp(
  `^From (?:.*? )?${WEEKDAY},? +${MONTH} +(\\d{1,2}) +(\\d{1,2}:\\d\\d(?::\\d\\d)?)(?: +(${ZONE}))? +(\\d{4})(?: +(${ZONE}))?(?: +remote from .*)?\\s*$`,
);

/** When a message came, by the line before it; undefined for a line that separates no messages. */
export function dateOfFromLine(line: string): Date | undefined {
  const [, month = "", day = "", time = "", before, year = "", behind] = FROM_LINE.exec(line) ?? [];
  if (month === "") return undefined;
  const text = `${day} ${month} ${year} ${time}`;
  return parseDate(`${text} ${behind ?? before ?? "UTC"}`) ?? parseDate(`${text} UTC`);
}

const QUOTABLE = /(^|\n)(>*From )/g;
const QUOTED = /(^|\n)>(>*From )/g;

/** A message as it stands in an mbox file, with the empty line that ends it. */
export function quoted(message: Uint8Array): Uint8Array {
  const text = withLf(message).replaceAll(QUOTABLE, "$1>$2");
  return Buffer.from(`${text}${text.endsWith("\n") ? "" : "\n"}\n`, "latin1");
}

/** A message whose lines end with LF, for files of Unix; each octet is one character. */
export function withLf(message: Uint8Array): string {
  return asBuffer(message).toString("latin1").replaceAll("\r\n", "\n");
}

/**
 * The message that stands between two From_ lines. `isLengthGiven`: its length was written beside it (mboxcl), and then lines
 * are not quoted if one begins with `From ` (mboxcl2). Of mboxo, which does not quote reversibly, a line that had a `>` before `From ` loses it.
 */
export function unquoted(found: Uint8Array, isLengthGiven: boolean): Uint8Array {
  const text = asBuffer(found).toString("latin1");
  const isPlain = isLengthGiven && /(?:^|\n)From /.test(text);
  const message = isPlain ? text : text.replaceAll(QUOTED, "$1$2");
  return toCrlf(Buffer.from(message, "latin1"));
}
