/** Messages as large as a listener takes, each of one structure repeated: what costs more than its octets shows here. */

const OCTETS = 36 * 1024 * 1024;
const HEAD = "From: alice@alpha.test\r\nTo: bob@beta.test\r\nMIME-Version: 1.0\r\n";

export type LargeInput = { readonly name: string; readonly bytes: () => Uint8Array };

/** A header, a unit that fills the message from there, and an end. */
type Shape = readonly [name: string, head: string, unit: string, end: string];

const signed = (head: string): string =>
  `${HEAD}Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="b"\r\n\r\n${head}`;
const mixed = (head: string): string =>
  `${HEAD}Content-Type: multipart/mixed; boundary="b"\r\n\r\n${head}`;
const typed = (fields: string): string => `${HEAD}${fields}\r\n\r\n`;

const SHAPES: readonly Shape[] = [
  ["tiny fields", HEAD, "a:\r\n", "\r\nx\r\n"],
  ["lines of one field", HEAD, "X: b\r\n c\r\n", "\r\nx\r\n"],
  ["one folded field", `${HEAD}X: a\r\n`, " c\r\n", "\r\nx\r\n"],
  ["mailboxes", `${HEAD}Cc: a@b.c`, ",\r\n a@b.c", "\r\n\r\nx\r\n"],
  ["a header without an end", HEAD, "x", ""],
  ["encoded words", `${HEAD}Subject: a`, "\r\n =?a?q?b?= =?c?q?d?=", "\r\n\r\nx\r\n"],
  ["tiny fields of a part", mixed("--b\r\n"), "a:\r\n", "\r\nx\r\n--b--\r\n"],
  ["tiny parts", mixed(""), "--b\r\n\r\nx\r\n", "--b--\r\n"],
  ["parts with fields", mixed(""), `--b\r\n${"a:\r\n".repeat(900)}\r\nx\r\n`, "--b--\r\n"],
  ["near delimiters", mixed("--b\r\n\r\n"), "--c\r\n", "--b--\r\n"],
  ["messages in messages", HEAD, "Content-Type: message/rfc822\r\n\r\n", "x\r\n"],
  [
    "an epilogue of blanks",
    signed(`--b\r\n\r\nx\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n`),
    " \r\n",
    "",
  ],
  ["a signed part of fields", signed("--b\r\n"), "a:\r\n", "\r\nx\r\n--b\r\n\r\nx\r\n--b--\r\n"],
  [
    "a text of blanks",
    typed("Content-Type: text/plain"),
    " \r\n",
    "-----BEGIN PGP MESSAGE-----\r\n",
  ],
  ["armor of empty lines", typed("Content-Type: text/plain"), "\r\n", ""],
  ["line feeds", `${HEAD}\r\n`.replaceAll("\r", ""), "\n", ""],
  ["quoted-printable", typed("Content-Transfer-Encoding: quoted-printable"), "=41=\r\n", ""],
  ["base64", typed("Content-Transfer-Encoding: base64"), "QUFB\r\n", ""],
  ["parameters", `${HEAD}Content-Type: text/plain`, "; a*0*=%41", "\r\n\r\nx\r\n"],
];

export const LARGE_INPUTS: readonly LargeInput[] = SHAPES.map(([name, head, unit, end]) => ({
  name,
  bytes: () => Buffer.from(head + unit.repeat(Math.floor(OCTETS / unit.length)) + end, "latin1"),
}));
