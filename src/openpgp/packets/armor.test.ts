import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";

import { within } from "../../../test/support/cpu-time.ts";
import { armorSignature } from "../../../test/support/signatures.ts";
import { armorMessage } from "./armor.ts";
import { dearmor, isBinary, readArmoredBlocks } from "./armored-blocks.ts";
import { crc24 } from "./crc24.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const read = (armor: string) => dearmor(Buffer.from(armor, "latin1"));
const DATA = Buffer.from("some octets that are more than a single line of base64 in an armor.");
const ARMOR = text(armorMessage(DATA));

function dataOf(armor: string): Uint8Array {
  const result = read(armor);
  assert(result.kind === "armored", `${result.kind}: ${armor}`);
  return result.data;
}

test("armor has CRLF lines of at most 64 characters and no headers", () => {
  const lines = text(armorMessage(randomBytes(100_000))).split("\r\n");
  assert.equal(lines[0], "-----BEGIN PGP MESSAGE-----");
  assert.equal(lines[1], "");
  assert.equal(lines.at(-2), "-----END PGP MESSAGE-----");
  assert(lines.every((line) => line.length <= 64 && !line.includes("\n") && !line.startsWith("=")));
});

test("what was armored is read back, whatever its length", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const result = dearmor(armorMessage(bytes));
      assert(result.kind === "armored" && Buffer.compare(result.data, bytes) === 0);
    }),
  );
  for (const length of [36_863, 36_864, 36_865, 1_000_000]) {
    const bytes = randomBytes(length);
    assert.deepEqual(dataOf(text(armorMessage(bytes))), bytes);
  }
});

test("a checksum stands only where GnuPG 2.2 needs it, and never before a version 2 container", () => {
  const endOf = (bytes: Uint8Array) => text(armorMessage(bytes)).split("\r\n").at(-3);
  assert.equal(endOf(Buffer.from("123456789")), "=Ic8C");
  assert.equal(endOf(Buffer.from("12345678")), "MTIzNDU2Nzg=");
  assert.equal(endOf(Buffer.from("c10106", "hex")), "wQEG");
});

test("a signature is armored under its own label", () => {
  const result = dearmor(armorSignature(DATA));
  assert(result.kind === "armored" && result.label === "SIGNATURE");
});

const CHECKSUM = Buffer.from(crc24(DATA).toString(16).padStart(6, "0"), "hex").toString("base64");
const body = ARMOR.split("\r\n").slice(2, -2).join("\r\n");
const armorOf = (headers: string, base64: string, after = ""): string =>
  `-----BEGIN PGP MESSAGE-----\r\n${headers}\r\n${base64}\r\n${after}-----END PGP MESSAGE-----\r\n`;

test("armor is read with LF, with headers, with text around it, in odd lines and with blanks at the ends", () => {
  const variants = [
    ARMOR.replaceAll("\r\n", "\n"),
    armorOf("Version: GnuPG v2\r\nComment: hello\r\n", body),
    armorOf("Comment:\r\n", body),
    armorOf(" \t\r\n", body),
    `Dear reader,\r\n\r\n${ARMOR}\r\nYours\r\n`,
    ARMOR.trimEnd(),
    ARMOR.replaceAll("\r\n", " \t\r\n"),
    armorOf("", body.replaceAll("\r\n", "")),
    armorOf("", `${body.slice(0, 7)}\r\n${body.slice(7)}`),
    armorOf("", body, "\r\n\r\n"),
    `-----BEGIN PGP MESSAGE-----\r\n${body}\r\n-----END PGP MESSAGE-----`,
  ];
  for (const variant of variants) assert.deepEqual(dataOf(variant), DATA);
});

test("armor is read with what programs, editors and web forms make of it", () => {
  const lines = ARMOR.trimEnd().split("\r\n");
  const [begin = "", , ...rest] = lines;
  const digits = rest.slice(0, -1);
  const end = rest.at(-1) ?? "";
  const join = (...some: readonly string[]): string => some.join("\n");
  const variants: Readonly<Record<string, string>> = {
    "a header and no empty line": join(begin, "Version: BCPG C# v1.6", ...digits, end),
    "an empty line before the headers": join(begin, "", "Comment: x", "", ...digits, end),
    "empty lines on both sides of each header": join(begin, "", "A: x", "", "B: y", ...digits, end),
    "a header that goes on in the next line": join(
      begin,
      "Comment: Using GnuPG with Mozilla -",
      "http://enigmail.example",
      "",
      ...digits,
      end,
    ),
    indented: lines.map((line) => `   ${line}`).join("\n"),
    "indented with tabs": lines.map((line) => `\t${line}`).join("\r\n"),
    "after a byte order mark": `\xef\xbb\xbf${ARMOR}`,
    "after a byte order mark and blanks": `\xef\xbb\xbf  ${ARMOR}`,
    "many empty lines": join(begin, "\n".repeat(500), ...digits.map((line) => `${line}\n\n`), end),
    "an empty line after each line": ARMOR.replaceAll("\r\n", "\r\n\r\n"),
    "a CR at each line's end alone": ARMOR.replaceAll("\r\n", "\r"),
    "two CR and LF": ARMOR.replaceAll("\r\n", "\r\r\n"),
    "one line": join(begin, "", ...digits, end).replaceAll("\n", " "),
    "one line without blanks": join(begin, ...digits, end).replaceAll("\n", ""),
    "one line with a checksum": join(begin, ...digits, `=${CHECKSUM}`, end).replaceAll("\n", " "),
    "one line with headers": join(begin, "Version: GnuPG v2", "", ...digits, end).replaceAll(
      "\n",
      " ",
    ),
    "escaped line ends": join(begin, "Version: x", "", ...digits, end, "").replaceAll("\n", "\\n"),
    "escaped CRLF": ARMOR.replaceAll("\r\n", "\\r\\n"),
    "a checksum and empty lines": join(begin, "", ...digits, `=${CHECKSUM}`, "\n".repeat(50), end),
  };
  for (const [name, variant] of Object.entries(variants)) {
    const result = read(variant);
    assert(result.kind === "armored", `${name}: ${result.kind}`);
    assert.deepEqual(result.data, DATA, name);
    const blocks = readArmoredBlocks(Buffer.from(variant, "latin1"));
    assert.deepEqual(
      blocks?.map(({ data }) => data),
      [DATA],
      name,
    );
  }
});

test("armor in UTF-16 is read, with and without a byte order mark", () => {
  const little = Buffer.from(ARMOR, "utf16le");
  const big = Buffer.from(little).swap16();
  for (const bytes of [
    little,
    big,
    Buffer.concat([Buffer.of(0xff, 0xfe), little]),
    Buffer.concat([Buffer.of(0xfe, 0xff), big]),
  ]) {
    assert.equal(isBinary(bytes), false);
    const result = dearmor(bytes);
    assert(result.kind === "armored");
    assert.deepEqual(result.data, DATA);
  }
});

test("all blocks of a text are read in order, and what a clear text is signed by is one of them", () => {
  const signature = text(armorSignature(DATA));
  const clear = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\ntext\n";
  const blocks = readArmoredBlocks(Buffer.from(`x\n${ARMOR}y\n${clear}${signature}${ARMOR}`));
  assert.deepEqual(
    blocks?.map(({ label }) => label),
    ["MESSAGE", "SIGNATURE", "MESSAGE"],
  );
  assert.equal(readArmoredBlocks(Buffer.from(`${ARMOR}${ARMOR.slice(0, 90)}`)), undefined);
});

test("the headers of a block are given as they stand", () => {
  const result = read(armorOf("Version: GnuPG v2\r\nComment: hello\r\n", body));
  assert(result.kind === "armored");
  assert.deepEqual(result.headers, ["Version: GnuPG v2", "Comment: hello"]);
});

test("a checksum may be right, wrong or missing (RFC 9580 §6.1)", () => {
  assert.deepEqual(dataOf(armorOf("", body, `=${CHECKSUM}\r\n`)), DATA);
  assert.deepEqual(dataOf(armorOf("", body, "=AAAA\r\n")), DATA);
  assert.deepEqual(dataOf(armorOf("", body, "=AAAA \n\n")), DATA);
});

test("text without armor is not armored", () => {
  for (const each of ["", "hello", "x -----BEGIN PGP MESSAGE-----", "----BEGIN PGP MESSAGE-----"]) {
    assert.equal(read(each).kind, "not-armored");
  }
});

test("armor that is cut off, mixed up or no base64 is malformed", () => {
  const malformed = [
    ARMOR.slice(0, -30),
    ARMOR.slice(0, 60),
    "-----BEGIN PGP MESSAGE-----",
    "-----BEGIN PGP MESSAGE-----\r\n",
    ARMOR.replace("END PGP MESSAGE", "END PGP SIGNATURE"),
    ARMOR.replace("BEGIN PGP MESSAGE", "BEGIN PGP MESSAGE!"),
    armorOf("", ""),
    armorOf("", `${body.slice(0, 20)}!${body.slice(21)}`),
    armorOf("", body.replace(/=*$/, "").slice(0, -1)),
    armorOf("", `${body.slice(0, 20)}==${body.slice(22)}`),
    armorOf("no header\r\nat all\r\n", body),
    armorOf("", `${body}\r\n-----BEGIN PGP MESSAGE-----\r\n${body}`),
    armorOf(`Comment: ${"x".repeat(10_000)}\r\n`, body),
  ];
  for (const each of malformed) assert.equal(read(each).kind, "malformed", each);
});

test("every prefix of an armored message is refused or not armored", () => {
  for (let length = 0; length < ARMOR.trimEnd().length; length += 1) {
    assert.notEqual(read(ARMOR.slice(0, length)).kind, "armored");
  }
});

test("hostile armor is read in linear time", async () => {
  const begin = "-----BEGIN PGP MESSAGE-----\n";
  const hostile = [
    `x-----BEGIN PGP `.repeat(500_000),
    `${begin}\n${"\n".repeat(8_000_000)}-----END PGP MESSAGE-----`,
    `${begin}\n${" A\n".repeat(3_000_000)}-----END PGP MESSAGE-----`,
    `${begin}${"a: b\n".repeat(2_000_000)}`,
    `${begin}\nAAAA\n${"=".repeat(8_000_000)}\n-----END PGP MESSAGE-----`,
    `${" ".repeat(1000)}-----BEGIN PGP `.repeat(8000),
    `-----BEGIN PGP MESSAGE-----a: b${" c".repeat(4_000_000)}-----END PGP MESSAGE-----`,
    `-----BEGIN PGP MESSAGE-----${"\\n".repeat(4_000_000)}-----END PGP MESSAGE-----`,
    `${begin}${"A B: C\n\n".repeat(1_000_000)}-----END PGP MESSAGE-----`,
    "-----BEGIN PGP SIGNED MESSAGE-----\n".repeat(200_000),
    `${"-----BEGIN PGP MESSAGE-----\nA\n".repeat(200_000)}-----END PGP MESSAGE-----`,
    `${"-----BEGIN PGP MESSAGE-----\nAAAA\n-----END PGP MESSAGE-----\n".repeat(100_000)}`,
    "\r".repeat(8_000_000),
  ];
  for (const each of hostile) {
    await within(3000, () => read(each));
    await within(3000, () => readArmoredBlocks(Buffer.from(each, "latin1")));
  }
});
