import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { within } from "../../test/support/cpu-time.ts";

import fc from "fast-check";

import { armorMessage, armorSignature, dearmor } from "./armor.ts";
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
  ];
  for (const each of hostile) await within(3000, () => read(each));
});
