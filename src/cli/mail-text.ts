import type { ShownMail } from "../incoming/reading.ts";
import type { ShownPart } from "../incoming/shown-parts.ts";
import { text } from "../locales/locales.ts";
import { displayMailboxes } from "../mail/display-mailbox.ts";
import { decodedText, firstField, parseHeader, type HeaderField } from "../mail/header.ts";
import type { SentTo } from "../mailbox/summary.ts";
import type { Account } from "../words/account.ts";
import { printable, table } from "./command.ts";
import { hint } from "./mail-hint.ts";

const FIELDS = ["From", "Reply-To", "To", "Cc", "Date", "Subject"];
/** Where the values begin of what Sealpost says. */
const LABEL_WIDTH = 13;
const OF_PEOPLE = ["From", "Reply-To", "To", "Cc"];

/**
 * A message for a terminal. First what Sealpost says, then what the message says: they cannot be confused, because what
 * comes from the message is indented.
 */
export function textOf(shown: ShownMail, { custody }: Pick<Account, "custody">): readonly string[] {
  const { sizeBytes, receivedAt } = shown;
  return [
    `state        ${[shown.state, ...shown.warnings].join(" ")}`,
    ...(shown.sentence === "" ? [] : [`             ${printable(shown.sentence)}`]),
    ...partHint(shown),
    `signature    ${signatureText(shown)}`,
    `fingerprint  ${shown.fingerprint ?? "-"}`,
    `scan         ${shown.scan}`,
    ...labelled("sent", shown.sent.map(sentTo)),
    `received     ${receivedAt.toISOString()}, ${sizeBytes} bytes`,
    "",
    ...(shown.message.length === 0
      ? [text("mail.nothing-to-show", { hint: hint({ ...shown, custody }) })]
      : contentOf(shown)),
  ];
}

/** What is not known while the mailbox is closed is not said to be unknown. */
function signatureText({ signature, signer, signedAt, absence }: ShownMail): string {
  if (absence === "mailbox-closed" && signature === "unknown") return text("mail.signature-closed");
  const by = signer === undefined ? "" : ` by ${printable(signer)}`;
  return `${signature}${by}${signedAt === undefined ? "" : `, made ${signedAt.toISOString()}`}`;
}

/** What a recipient of a Sent copy got. */
function sentTo({ address, got, fingerprint, isBlind, code }: SentTo): string {
  const said =
    got === "sealed"
      ? text("sent.sealed", { address, fingerprint })
      : text(`sent.${got}`, { address });
  const why = code === "" || got === "sealed" ? "" : ` ${text("sent.state", { code })}`;
  return printable(isBlind ? `${said}${why} ${text("sent.blind")}` : `${said}${why}`);
}

/** Lines under one label, which stands before the first. */
function labelled(label: string, lines: readonly string[]): readonly string[] {
  return lines.map((line, at) => `${(at === 0 ? label : "").padEnd(LABEL_WIDTH)}${line}`);
}

/** How a part is opened that is not shown. */
function partHint({ warnings, absence }: ShownMail): readonly string[] {
  if (!warnings.includes("ENCRYPTED_PART") || absence === "mailbox-closed") return [];
  return labelled("", [text("mail.part-hint")]);
}

function contentOf({ message, parts }: ShownMail): readonly string[] {
  const { header } = parseHeader(message);
  const fields = FIELDS.flatMap((name) => {
    const field = firstField(header, name);
    return field === undefined ? [] : [[`${name}:`, printable(fieldText(name, field))]];
  });
  const body = bodyOf(parts);
  const others = parts.filter((part) => part !== body);
  return [
    ...table(fields).map(indented),
    "",
    ...textLines(body?.text),
    ...(others.length === 0 ? [] : ["", text("mail.other-parts", { count: others.length })]),
    ...table(others.map(rowOf)).map(indented),
  ];
}

/** Mail without text is not shown as mail of an empty text. */
function textLines(body: string | undefined): readonly string[] {
  if (body === undefined) return [text("mail.no-text")];
  return body.trimEnd().split(/\r?\n/).map(printable).map(indented);
}

function fieldText(name: string, field: HeaderField): string {
  return OF_PEOPLE.includes(name) ? displayMailboxes(field) : decodedText(field).trim();
}

function bodyOf(parts: readonly ShownPart[]): ShownPart | undefined {
  const texts = parts.filter((part) => part.text !== undefined && part.filename === undefined);
  return texts.find((part) => part.contentType.startsWith("text/plain")) ?? texts[0];
}

function rowOf({ contentType, filename, sizeBytes, sha256 }: ShownPart): readonly string[] {
  const type = contentType.split(";", 1)[0] ?? "";
  return [printable(filename ?? "-"), printable(type), `${sizeBytes} bytes`, sha256];
}

function indented(line: string): string {
  return `  ${line}`.trimEnd();
}
