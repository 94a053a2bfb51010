/** The messages that the story's people write, each full of words that occur nowhere else. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { systemClock } from "../../src/base/time.ts";

const BASE64_LINE = /.{1,76}/g;
const CANARY_BYTES = 9;
const WINDOW_BYTES = 24;
const WINDOWS = 32;

export type StoryMessage = {
  readonly bytes: Buffer;
  readonly subject: string;
  readonly messageId: string;
  /** SHA-256 of each part's decoded content. */
  readonly parts: readonly { readonly what: string; readonly sha256: string }[];
  /** What an eavesdropper must not find, by what it is. */
  readonly secrets: Readonly<Record<string, readonly Uint8Array[]>>;
};

export type StoryMessageOptions = {
  readonly from: string;
  readonly to: readonly string[];
  readonly bcc?: readonly string[];
  readonly about: string;
  readonly attachmentBytes?: number;
};

/** A message as a mail client makes it: text and HTML alternatives, an attachment, names and subject not in ASCII. */
export function writeMessage(options: StoryMessageOptions): StoryMessage {
  const { from, to, bcc = [], about, attachmentBytes = 2000 } = options;
  const [subjectWord, textWord, htmlWord, fileWord] = [canary(), canary(), canary(), canary()];
  const subject = `Grüße: ${about} ${subjectWord}`;
  const messageId = `<${canary()}@client.test>`;
  const text = `Guten Tag,\r\n\r\nüber ${about} weiß nur ${textWord} mehr.\r\n\r\n-- \r\nnur für dich\r\n`;
  const html = `<html><body><p>Über <b>${about}</b>: ${htmlWord}</p></body></html>\r\n`;
  const file = randomBytes(attachmentBytes);
  const lines = [
    `From: ${from}`,
    `To: ${to.join(", ")}`,
    ...(bcc.length === 0 ? [] : [`Bcc: ${bcc.join(", ")}`]),
    `Subject: =?utf-8?B?${Buffer.from(subject).toString("base64")}?=`,
    `Date: ${systemClock.now().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: ${messageId}`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="outer-edge"',
    "",
    "--outer-edge",
    'Content-Type: multipart/alternative; boundary="inner-edge"',
    "",
    "--inner-edge",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    `${quotedPrintable(text)}`,
    "--inner-edge",
    "Content-Type: text/html; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    base64(Buffer.from(html)),
    "--inner-edge--",
    "",
    "--outer-edge",
    "Content-Type: application/octet-stream",
    `Content-Disposition: attachment; filename*=UTF-8''Pl%C3%A4ne-${fileWord}.bin`,
    "Content-Transfer-Encoding: base64",
    "",
    base64(file),
    "--outer-edge--",
    "",
  ];
  return {
    bytes: Buffer.from(lines.join("\r\n")),
    subject,
    messageId,
    parts: [
      { what: "text", sha256: sha256(Buffer.from(text)) },
      { what: "HTML", sha256: sha256(Buffer.from(html)) },
      { what: "attachment", sha256: sha256(file) },
    ],
    secrets: {
      subject: [subjectWord, "Grüße: "].map((word) => Buffer.from(word)),
      text: [textWord, "weiß nur"].map((word) => Buffer.from(word)),
      HTML: [Buffer.from(htmlWord)],
      "name of the attachment": [Buffer.from(fileWord)],
      attachment: windows(file),
    },
  };
}

/** The armored OpenPGP message in a mail. @throws AssertionError when there is none. */
export function armoredMessageIn(mail: Uint8Array): string {
  const text = Buffer.from(mail).toString("latin1");
  const [armored] = /-----BEGIN PGP MESSAGE-----.*?-----END PGP MESSAGE-----/s.exec(text) ?? [];
  assert(armored !== undefined, "the mail holds no OpenPGP message");
  return `${armored}\r\n`;
}

/** A word that is nowhere else. */
export function canary(): string {
  return `w${randomBytes(CANARY_BYTES).toString("hex")}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Pieces of the file from begin to end. */
function windows(file: Uint8Array): readonly Uint8Array[] {
  const step = Math.max(1, Math.floor((file.length - WINDOW_BYTES) / (WINDOWS - 1)));
  return Array.from({ length: WINDOWS }, (_, at) => {
    return file.subarray(at * step, at * step + WINDOW_BYTES);
  }).filter((window) => window.length === WINDOW_BYTES);
}

function base64(bytes: Uint8Array): string {
  return (Buffer.from(bytes).toString("base64").match(BASE64_LINE) ?? []).join("\r\n");
}

/** Lines here are short; a space at a line's end is written out (RFC 2045 §6.7). */
function quotedPrintable(text: string): string {
  const hex = (byte: number) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return [...Buffer.from(text)]
    .map((byte) => (byte === 0x3d || byte > 0x7e ? hex(byte) : String.fromCodePoint(byte)))
    .join("")
    .replaceAll(" \r\n", "=20\r\n");
}
