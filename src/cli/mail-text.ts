import type { ShownMail } from "../incoming/reading.ts";
import type { ShownPart } from "../incoming/shown-parts.ts";
import { displayMailboxes } from "../mail/display-mailbox.ts";
import { decodedText, firstField, parseHeader, type HeaderField } from "../mail/header.ts";
import type { Account } from "../words/account.ts";
import { printable, table } from "./command.ts";
import { hint } from "./mail-hint.ts";

const FIELDS = ["From", "Reply-To", "To", "Cc", "Date", "Subject"];
const OF_PEOPLE = ["From", "Reply-To", "To", "Cc"];

/**
 * A message for a terminal. First what Sealpost says, then what the message says: they cannot be confused, because what
 * comes from the message is indented.
 */
export function textOf(shown: ShownMail, { custody }: Pick<Account, "custody">): readonly string[] {
  const { signer, signedAt, sizeBytes, receivedAt } = shown;
  return [
    `state        ${[shown.state, ...shown.warnings].join(" ")}`,
    ...(shown.sentence === "" ? [] : [`             ${printable(shown.sentence)}`]),
    ...partHint(shown),
    `signature    ${shown.signature}${signer === undefined ? "" : ` by ${printable(signer)}`}${signedAt === undefined ? "" : `, made ${signedAt.toISOString()}`}`,
    `fingerprint  ${shown.fingerprint ?? "-"}`,
    `scan         ${shown.scan}`,
    `received     ${receivedAt.toISOString()}, ${sizeBytes} bytes`,
    "",
    ...(shown.message.length === 0
      ? [`(nothing to show${hint({ ...shown, custody })})`]
      : contentOf(shown)),
  ];
}

/** How a part is opened that is not shown. */
function partHint({ warnings, absence }: ShownMail): readonly string[] {
  if (!warnings.includes("ENCRYPTED_PART") || absence === "mailbox-closed") return [];
  return ["             To open the part: sealpost mail show ADDRESS ID --open-part"];
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
    ...(others.length === 0 ? [] : ["", `and ${others.length} more, with their SHA-256:`]),
    ...table(others.map(rowOf)).map(indented),
  ];
}

/** Mail without text is not shown as mail of an empty text. */
function textLines(text: string | undefined): readonly string[] {
  if (text === undefined) return ["(no text)"];
  return text.trimEnd().split(/\r?\n/).map(printable).map(indented);
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
