/** Mail that is made to cost where ciphertext is looked for in it. */
import { test } from "node:test";

import { armorMessage } from "../../src/openpgp/packets/armor.ts";
import { findCiphertext } from "../../src/pgpmime/find-ciphertext.ts";
import { within } from "../support/cpu-time.ts";

const BEGIN = "-----BEGIN PGP MESSAGE-----\n";
const MB = 1024 * 1024;
const nested = (type: string, body: string): string =>
  `Content-Type: multipart/mixed; boundary=b\n\n${`--b\nContent-Type: ${type}\n\n${body}\n`.repeat(900)}--b--\n`;

test("ciphertext is looked for in linear time, whatever a message of 30 MB holds", async () => {
  const armor = Buffer.from(armorMessage(Buffer.alloc(30_000, 0xc1))).toString("latin1");
  for (const body of [
    BEGIN.repeat((30 * MB) / BEGIN.length),
    ` ${BEGIN}`.repeat(MB),
    `${" ".repeat(15 * MB)}${BEGIN}`.repeat(2),
    `${BEGIN}${"a: b\n".repeat(6 * MB)}`,
    `${BEGIN}${"\n".repeat(30 * MB)}`,
    armor.repeat(700),
    `> ${armor.replaceAll("\n", "\n> ")}`.repeat(700),
    "\n--b".repeat(7 * MB),
    "\xc1".repeat(30 * MB),
  ]) {
    const text = Buffer.from(`Subject: x\n\n${body}`, "latin1");
    await within(3000, () => findCiphertext(text));
  }
  for (const type of ["message/rfc822\nContent-Transfer-Encoding: base64", "application/pgp"]) {
    const body = Buffer.alloc(20_000, "\xc1\x01").toString("base64");
    await within(3000, () => findCiphertext(Buffer.from(nested(type, body))));
  }
});
