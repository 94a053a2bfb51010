/** Submitted mail whose body is made to cost where the subject is put into it. */
import { test } from "node:test";

import { makePayload } from "../../src/pgpmime/payload.ts";
import { within } from "../support/cpu-time.ts";

const SIZE = 1_000_000;
const BODIES = [
  "=",
  " ",
  "A=",
  "A ",
  "\t",
  "\r\n",
  "=\r\n",
  "AAAA\r\n",
  "AAAA  \r\n",
  "<",
  "<!--",
  "<!---->",
  "<script ",
  "<script></script",
  "</div ",
  "<body",
  "\u00e4",
].map((unit) => unit.repeat(SIZE / unit.length));

for (const encoding of ["base64", "quoted-printable", "8bit"]) {
  for (const type of ["text/plain", "text/html", "text/plain; charset=iso-8859-2"]) {
    test(`a crafted body of a megabyte, ${type} in ${encoding}, is sealed in linear time`, async () => {
      for (const body of BODIES) {
        for (const text of [body, `${body}!`, Buffer.from(body).toString("base64")]) {
          const head = `From: a@x.test\r\nSubject: =?utf-8?Q?=E2=82=AC?=\r\nContent-Type: ${type}\r\n`;
          const message = Buffer.from(
            `${head}Content-Transfer-Encoding: ${encoding}\r\n\r\n${text}`,
          );
          await within(1000, () => makePayload(message));
        }
      }
    });
  }
}
