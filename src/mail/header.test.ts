import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { AppError } from "../base/errors.ts";
import {
  decodedText,
  fieldBody,
  fieldsNamed,
  firstField,
  type HeaderField,
  makeField,
  parseHeader,
  serializeHeader,
  withoutFields,
} from "./header.ts";

const text = (field: HeaderField | undefined): string =>
  field === undefined ? "" : Buffer.from(field.raw).toString("latin1");

test("fields keep their bytes, order, duplicates and folding", () => {
  const raw = "A: 1\r\nb : 2\r\n\tmore\r\nA: 3\r\n\r\nbody";
  const { header, bodyOffset } = parseHeader(Buffer.from(raw));
  assert.deepEqual(
    header.map(({ name }) => name),
    ["A", "b", "A"],
  );
  assert.equal(raw.slice(bodyOffset), "body");
  assert.equal(Buffer.from(serializeHeader(header)).toString(), raw.slice(0, bodyOffset - 2));
  assert.equal(fieldsNamed(header, "a").length, 2);
  const b = firstField(header, "B");
  assert.ok(b);
  assert.equal(fieldBody(b), "2\tmore");
  assert.equal(withoutFields(header, new Set(["a"])).length, 1);
});

test("what is no field is kept with the name empty", () => {
  const { header } = parseHeader(Buffer.from("From x\r\n: y\r\nX Y: z\r\nOk: 1\r\n\r\n"));
  assert.deepEqual(
    header.map(({ name }) => name),
    ["", "", "", "Ok"],
  );
});

test("any bytes are parsed without loss", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { header, bodyOffset } = parseHeader(bytes);
      const length = header.reduce((sum, { raw }) => sum + raw.length, 0);
      assert.ok(length <= bodyOffset && bodyOffset - length <= 2);
    }),
  );
});

test("bodies are UTF-8 where they are that and else ISO 8859-1", () => {
  const body = (bytes: Buffer): string => fieldBody({ name: "S", raw: bytes });
  assert.equal(body(Buffer.from("S: Grüße\r\n")), "Grüße");
  assert.equal(body(Buffer.from("S: Grüße\r\n", "latin1")), "Grüße");
});

test("encoded words are decoded, joined across a cut character, and controls removed", () => {
  for (const [body, expected] of [
    ["=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"],
    ["=?UTF-8*de?q?Gr=C3=BC=C3=9Fe_da?=", "Grüße da"],
    ["=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"],
    ["=?iso-8859-1?Q?a?= =?utf-8?Q?b?= c", "ab c"],
    ["x =?utf-8?Q?a?= y", "x a y"],
    ["=?shift_jis?B?g2WDWINn?=", "テスト"],
    ["=?unknown?Q?=E4?=", "ä"],
    ["=?utf-8?Q?a=0D=0ABcc:_b=00?=", "a Bcc: b"],
    ["=?utf-8?X?a?=", "=?utf-8?X?a?="],
    ["=?utf-8?Q?a", "=?utf-8?Q?a"],
  ] as const) {
    assert.equal(decodedText(makeField("Subject", body)), expected, body);
  }
});

test("a made field says what was given, in lines of at most 78 characters where there are blanks", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (subject) => {
      fc.pre(!/[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069]|=\?/u.test(subject));
      const field = makeField("Subject", subject);
      const raw = text(field);
      assert.match(raw, /^[\0-\x7F]*\r\n$/);
      assert.equal(decodedText(field), subject.trim());
      assert.equal(parseHeader(Buffer.from(`${raw}\r\n`)).header.length, 1);
      for (const line of raw.split("\r\n")) assert.ok(line.length <= 998);
    }),
  );
});

test("long text is folded and what cannot be folded is encoded", () => {
  const folded = text(makeField("Subject", "word ".repeat(40)));
  for (const line of folded.split("\r\n")) assert.ok(line.length <= 78, line);
  const word = "x".repeat(3000);
  const encoded = makeField("Subject", word);
  for (const line of text(encoded).split("\r\n")) assert.ok(line.length <= 998);
  assert.equal(decodedText(encoded), word);
});

test("UTF-8 is written as it is where it is allowed", () => {
  const field = makeField("From", "Jürgen <j@x.example>", { utf8: true });
  assert.equal(Buffer.from(field.raw).toString("utf8"), "From: Jürgen <j@x.example>\r\n");
});

test("no body can make a second field", () => {
  for (const body of ["a\r\nB: c", "a\nb", "a\rb", "a\0b"]) {
    assert.throws(() => makeField("Subject", body), AppError);
  }
  assert.throws(() => makeField("Sub ject", "a"), AppError);
  assert.throws(() => makeField("A:\r\nB", "a"), AppError);
});
