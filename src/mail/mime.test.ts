import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { within } from "../../test/support/cpu-time.ts";
import { AppError } from "../base/errors.ts";
import { bodyText, decodeBody, type Entity, rawBody, rawEntity } from "./entity.ts";
import { scanLeniently, scanMime, scanRoot } from "./mime.ts";

const bytes = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "latin1");
const text = (part: Uint8Array): string => Buffer.from(part).toString("latin1");
const shape = (entity: Entity): string =>
  `${entity.contentType.subtype}${entity.isMalformed ? "!" : ""}` +
  (entity.parts.length === 0 ? "" : `(${entity.parts.map(shape).join(" ")})`);
const mixed = (boundary: string): string =>
  `Content-Type: multipart/mixed; boundary="${boundary}"\n\n`;

test("a part ends before the line end that belongs to the delimiter", () => {
  const message = bytes(
    `${mixed("b")}preamble\n--b\nX: 1\n\none\n\n--b \t\n\ntwo\n--b--\nepilogue\n`,
  );
  const [one, two] = scanMime(message).parts;
  assert.ok(one && two);
  assert.equal(text(rawEntity(message, one)), "X: 1\r\n\r\none\r\n");
  assert.equal(text(rawBody(message, one)), "one\r\n");
  assert.equal(text(rawEntity(message, two)), "\r\ntwo");
  assert.equal(text(rawBody(message, two)), "two");
});

test("nesting, digests and forwarded messages are followed", () => {
  const inner =
    "Content-Type: multipart/alternative; boundary=c\n\n--c\n\na\n--c\nContent-Type: text/html\n\nb\n--c--\n";
  const forwarded = `Content-Type: message/rfc822\n\nSubject: s\n${inner}`;
  const digest = "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: x\n\ny\n--d--\n";
  const message = bytes(`${mixed("b")}--b\n${forwarded}\n--b\n${digest}\n--b--\n`);
  assert.equal(
    shape(scanMime(message)),
    "mixed(rfc822(alternative(plain html)) digest(rfc822(plain)))",
  );
});

test("only a whole line is a delimiter", () => {
  const message = bytes(`${mixed("b")}--b\n\n--bc\n --b\nx--b\n--b-\n--b--c\n--b--\n`);
  const [part, ...more] = scanMime(message).parts;
  assert.ok(part && more.length === 0);
  assert.equal(text(rawBody(message, part)), "--bc\r\n --b\r\nx--b\r\n--b-\r\n--b--c");
});

test("boundaries that could be taken for each other are not followed inward", () => {
  for (const [outer, inner] of [
    ["b", "b"],
    ["b", "b--"],
    ["b--", "b"],
  ] as const) {
    const nested = `${mixed(outer)}--${outer}\n${mixed(inner)}--${inner}\n\nx\n--${inner}--\n--${outer}--\n`;
    const [first] = scanMime(bytes(nested)).parts;
    assert.equal(first?.isMalformed, true, `${outer} ${inner}`);
    assert.equal(first.parts.length, 0);
  }
});

test("the outer delimiter ends whatever is open inside", () => {
  const message = bytes(`${mixed("b")}--b\n${mixed("c")}--c\n\nx\n--b\n\ny\n--b--\n`);
  assert.equal(shape(scanMime(message)), "mixed(mixed!(plain) plain)");
});

test("what readers may understand differently is marked", () => {
  const defects = (message: string): readonly string[] => scanMime(bytes(message)).defects;
  assert.deepEqual(defects("Content-Type: text/plain\nContent-Type: text/html\n\n"), [
    "duplicate-field",
  ]);
  assert.deepEqual(defects("Content-Type: text\n\n"), ["content-type"]);
  assert.deepEqual(defects("no field\n\n"), ["garbage-line"]);
  assert.deepEqual(defects("Content-Type: multipart/mixed\n\n--b\n"), ["boundary"]);
  assert.deepEqual(defects(`${mixed("b")}nothing`), ["boundary", "unclosed"]);
  assert.deepEqual(defects(`${mixed("b")}--b\n\nx\n`), ["unclosed"]);
  assert.deepEqual(defects("Subject: x\n\ny"), []);
});

test("bodies are decoded by their transfer encoding and character set", () => {
  const decoded = (header: string, body: string): string => {
    const message = bytes(`${header}\n\n${body}`);
    return bodyText(message, scanMime(message));
  };
  const utf8 = "Content-Type: text/plain; charset=UTF-8";
  assert.equal(decoded(`${utf8}\nContent-Transfer-Encoding: BASE64`, "w7w="), "ü");
  assert.equal(decoded(`${utf8}\nContent-Transfer-Encoding: (c) quoted-printable`, "=C3=BC"), "ü");
  assert.equal(decoded("Content-Type: text/plain; charset=koi8-r", "\xD4\xC5\xD3\xD4"), "тест");
  assert.equal(decoded("Content-Type: text/plain; charset=nonsense", "\xFC"), "ü");
  assert.equal(decoded("Subject: x", "\xFC"), "ü");
});

test("ranges lie within each other and the parts cover only the message's bytes", () => {
  const unit = fc.constantFrom(
    "--b\r\n",
    "--b--\r\n",
    "--c\r\n",
    "--c--\r\n",
    "\r\n",
    "x",
    "\n",
    "--",
    "Content-Type: multipart/mixed; boundary=c\r\n",
    "Content-Type: message/rfc822\r\n",
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "A: b\r\n",
  );
  const check = (entity: Entity, parent: { start: number; end: number }): void => {
    assert.ok(parent.start <= entity.start && entity.start <= entity.bodyStart);
    assert.ok(entity.bodyStart <= entity.end && entity.end <= parent.end);
    for (const part of entity.parts) check(part, { start: entity.bodyStart, end: entity.end });
    entity.parts.reduce((end, part) => {
      assert.ok(part.start >= end);
      return part.end;
    }, entity.bodyStart);
  };
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), (lines) => {
      const message = Buffer.from(
        `Content-Type: multipart/mixed; boundary=b\r\n\r\n${lines.join("")}`,
      );
      for (const entity of [
        scanMime(message),
        scanRoot(message),
        scanLeniently(message, { depth: 2 }),
      ]) {
        check(entity, { start: 0, end: message.length });
      }
    }),
    { numRuns: 2000 },
  );
});

test("too many parts, levels or header bytes are refused for good, and passed over where mail is only shown", () => {
  const nested = Array.from(
    { length: 40 },
    (_, i) => `${mixed(`b${String(i)}`)}--b${String(i)}\n`,
  ).join("");
  for (const message of [
    bytes(nested),
    bytes(mixed("b") + "--b\n\nx\n".repeat(1500)),
    bytes("Content-Type: message/rfc822\n\n".repeat(100)),
    bytes("A: b\n".repeat(300_000)),
    bytes(`A: ${"b".repeat(2_000_000)}`),
  ]) {
    assert.throws(
      () => scanMime(message),
      (error) => error instanceof AppError && !error.temporary,
    );
    scanRoot(message);
    scanLeniently(message);
  }
});

test("25 MB of hostile structure are scanned and decoded within a second", async () => {
  const size = 25 * 1024 * 1024;
  const fill = (unit: string): string => unit.repeat(Math.floor(size / unit.length));
  const long = "x".repeat(240);
  const nested = Array.from(
    { length: 29 },
    (_, i) => `${mixed(long + String(i))}--${long}${String(i)}\n`,
  ).join("");
  const qp =
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n";
  for (const message of [
    mixed("aab") + fill("\n--aa"),
    nested + fill(`--${long}\n`),
    mixed("a") + fill("\n--"),
    qp + fill(" "),
    qp + fill("=\n"),
    `Subject: x\n\n${fill("x")}`,
  ]) {
    const input = Buffer.from(message, "latin1");
    await within(1000, () => decodeBody(input, scanLeniently(input)));
  }
});

test("a megabyte of header tricks is read or refused within a second", async () => {
  const fill = (unit: string): string => unit.repeat(Math.floor(880_000 / unit.length));
  for (const header of [
    fill("X-A: b\n"),
    `Content-Type: text/plain;${fill(" a*0*=%41;")}`,
    `Content-Type: text/plain; a=${fill('"')}`,
    `Content-Type: text/plain; a=${fill("(")}`,
    `Content-Transfer-Encoding: ${fill("()")}`,
  ]) {
    await within(1000, () => {
      if (header.startsWith("X-A")) assert.throws(() => scanMime(bytes(`${header}\n\n`)), AppError);
      else scanMime(bytes(`${header}\n\n`));
    });
  }
});
