import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { bytes, text, view, HEAD } from "../../test/support/payloads.ts";
import { bodyText, decodeBody, type Entity } from "../mail/entity.ts";
import { parseHeader } from "../mail/header.ts";
import { scanMime } from "../mail/mime.ts";
import { encodeTransfer } from "../mail/transfer-encoding.ts";
import { makePayload } from "./payload.ts";

test("the main parts alone carry the legacy display", () => {
  const part = (head: string, body: string): string => `--b\n${head}\n\n${body}\n`;
  const message = bytes(
    `${HEAD}Content-Type: multipart/mixed; boundary=b\n\n` +
      "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain\n\nplain\n--c\n" +
      "Content-Type: text/html\n\n<html><head><title><body></title></head><BODY class=x><p>html</p></BODY></html>\n--c--\n" +
      part("Content-Type: text/plain\nContent-Disposition: attachment", "attached") +
      part("Content-Type: text/plain", "second") +
      "--b--\n",
  );
  const payload = text(makePayload(message));
  assert.equal(payload.match(/hp-legacy-display="1"/g)?.length, 2);
  assert.match(payload, /Subject: Lease draft\n\nplain/);
  assert.match(
    payload,
    /<BODY class=x><div class="header-protection-legacy-display"><pre>Subject: Lease draft<\/pre><\/div><p>/,
  );
  assert.equal(
    text(view(message)),
    text(message).replace("\nContent-Type", "\nMIME-Version: 1.0\nContent-Type"),
  );
});

test("below a signature nothing is changed", () => {
  const message = bytes(
    `${HEAD}Content-Type: multipart/signed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: application/pgp-signature\n\ny\n--b--\n`,
  );
  const { bodyOffset } = parseHeader(message);
  assert.ok(Buffer.from(makePayload(message)).includes(message.subarray(bodyOffset)));
  assert.doesNotMatch(text(makePayload(message)), /legacy/);
});

const LARGE = HEAD.replace("Lease", "Größe");

test("a body in ASCII says a subject beyond ASCII in UTF-8, and keeps its bytes", () => {
  for (const type of [
    "text/plain",
    "text/plain; charset=us-ascii",
    "text/plain; charset=US-ASCII; format=flowed",
    "text/plain; charset*=us-ascii''us-ascii",
    "text/plain; charset=iso-8859-2",
    "text/plain; charset=koi8-r",
    "text/plain; charset=shift_jis",
  ]) {
    for (const [encoding, body] of [
      ["7bit", "plain ascii body\n"],
      ["quoted-printable", "plain =\nascii body\n"],
      ["base64", `${Buffer.from("plain ascii body").toString("base64")}\n`],
    ] as const) {
      const subject = LARGE.replace("Größe", "=?utf-8?Q?Gr=C3=BC=C3=9Fe=E2=82=AC?=");
      const message = bytes(
        `${subject}Content-Type: ${type}\nContent-Transfer-Encoding: ${encoding}\n\n${body}`,
      );
      const root = scanMime(makePayload(message));
      const { parameters } = root.contentType;
      assert.deepEqual(
        [parameters.get("charset"), parameters.get("hp-legacy-display")],
        ["utf-8", "1"],
      );
      const shown = bodyText(makePayload(message), root).replaceAll("\r\n", "\n");
      assert.match(shown, /^Subject: Grüße€ draft\n\nplain ascii body\n?$/, `${type} ${encoding}`);
      const after = view(message);
      const { bodyOffset } = parseHeader(after);
      assert.equal(text(after.subarray(bodyOffset)), body);
    }
  }
});

test("a body in another character set keeps its bytes, and says what it can of the subject in that set", () => {
  for (const [charset, subject, hex, said] of [
    ["iso-8859-2", "Lease ąż", "b161", "Lease ąż"],
    ["iso-8859-1", "Größe 値 €", "e4", "Größe ? ?"],
    ["windows-1252", "Größe €", "e4", "Größe €"],
    ["koi8-r", "Привет 値", "d2d5", "Привет ?"],
    ["shift_jis", "値段 ｱ é", "926c926933", "値段 ｱ ?"],
    ["euc-jp", "値段", "c3cd", "値段"],
    ["iso-2022-jp", "値段 é", "1b2442434d434a1b2842", "値段 ?"],
    ["gb2312", "价格", "bcdb", "价格"],
    ["gb18030", "价格", "bcdb", "价格"],
    ["big5", "價格", "bbf9", "價格"],
    ["euc-kr", "가격", "b0a1", "가격"],
    ["us-ascii", "値段", "c3a4", "値段"],
  ] as const) {
    for (const encoding of ["8bit", "base64", "quoted-printable"]) {
      const head = bytes(
        `${HEAD.replace("Lease draft", subject)}Content-Type: text/plain; charset=${charset}\nContent-Transfer-Encoding: ${encoding}\n\n`,
      );
      const body = Buffer.from(hex, "hex");
      const message = Buffer.concat([head, encodeTransfer(body, encoding)]);
      const payload = makePayload(message);
      const root = scanMime(payload);
      const shown = bodyText(payload, root);
      assert.equal(shown.split("\r\n")[0], `Subject: ${said}`, `${charset} ${encoding}`);
      const after = view(message);
      assert.deepEqual(Buffer.from(decodeBody(after, scanMime(after))), body);
    }
  }
});

test("a part whose character set nobody knows, or cannot be put together, goes without the display", () => {
  for (const [type, body] of [
    ["text/plain; charset=x-nobody-knows", "\xe4"],
    ["text/plain; charset=us-ascii", "\xe4"],
    ["text/plain; charset=utf-16", "h\0\xe4\0"],
    ["text/plain; charset=utf-7", "x"],
  ] as const) {
    const message = Buffer.concat([
      bytes(`${LARGE.replace("Größe", "Größe €")}Content-Type: ${type}\n\n`),
      Buffer.from(body, "latin1"),
    ]);
    assert.doesNotMatch(text(makePayload(message)), /legacy/, type);
    assert(Buffer.from(view(message)).toString("latin1").endsWith(`\r\n\r\n${body}`));
  }
});

const SUBJECTS = [
  "Lease",
  "=?utf-8?Q?Gr=C3=B6=C3=9Fe?=",
  "=?utf-8?B?44OG44K544OI?=",
  "<b>&</div>",
  "x".repeat(900),
];

const TYPES = ["text/plain", "text/html"];

const CHARSETS = [
  "",
  "; charset=us-ascii",
  "; charset=utf-8",
  "; charset=iso-8859-1",
  '; charset="windows-1252"',
  "; charset=shift_jis",
  "; charset=utf-16",
];

test("every part comes back with its decoded bytes, whatever its type, character set, encoding and subject", () => {
  const encodings = fc.constantFrom(
    "7bit",
    "8bit",
    "base64",
    "quoted-printable",
    "binary",
    "x-unknown",
  );
  const piece = fc.constantFrom(
    "\r\n",
    "\r\n\r\n",
    "a",
    " ",
    "=",
    "<body>",
    "</div>",
    "<",
    "<html>",
    "<!--",
    "-->",
    "\xFC",
    "\t",
    ".",
  );
  const body = fc
    .array(piece, { maxLength: 20 })
    .map((list) => Buffer.from(list.join(""), "latin1"));
  fc.assert(
    fc.property(
      body,
      encodings,
      fc.constantFrom(...TYPES),
      fc.constantFrom(...CHARSETS),
      fc.constantFrom(...SUBJECTS),
      fc.boolean(),
      (content, encoding, type, charset, subject, isNested) => {
        const entity = Buffer.concat([
          Buffer.from(
            `Content-Type: ${type}${charset}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`,
          ),
          encodeTransfer(content, encoding),
        ]);
        const head = Buffer.from(`From: a@x.example\r\nSubject: ${subject}\r\n`);
        const message = isNested
          ? Buffer.concat([
              head,
              Buffer.from("Content-Type: multipart/mixed; boundary=_q_\r\n\r\n--_q_\r\n"),
              entity,
              Buffer.from("\r\n--_q_--\r\n"),
            ])
          : Buffer.concat([head, entity]);
        const shown = view(message);
        const leaf = (entity: Entity): Entity => entity.parts[0] ?? entity;
        const [before, after] = [leaf(scanMime(message)), leaf(scanMime(shown))];
        const charsetOf = ({ contentType }: Entity) => contentType.parameters.get("charset");
        const isRelabelled = charsetOf(after) !== charsetOf(before);
        assert.deepEqual(
          Buffer.from(decodeBody(shown, after)).toString("latin1"),
          Buffer.from(decodeBody(message, before)).toString("latin1"),
        );
        assert.equal(bodyText(shown, after), bodyText(message, before));
        const { parameters } = after.contentType;
        if (isRelabelled) assert.equal(parameters.get("charset"), "utf-8");
        else assert.deepEqual(after.contentType, before.contentType);
      },
    ),
    { numRuns: 3000 },
  );
});
