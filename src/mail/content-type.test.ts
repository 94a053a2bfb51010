import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { contentTypeOf, dispositionOf, parseContentType } from "./content-type.ts";
import { withoutParameters, withParameter } from "./edit-parameters.ts";
import { type HeaderField, makeField, parseHeader } from "./header.ts";

function parsed(body: string): unknown {
  const type = parseContentType(body);
  return type && [`${type.type}/${type.subtype}`, Object.fromEntries(type.parameters)];
}

test("types and parameters are read through case, comments, quotes and folding", () => {
  for (const [body, expected] of [
    ["text/plain", ["text/plain", {}]],
    ["TEXT/Plain; Charset=UTF-8", ["text/plain", { charset: "UTF-8" }]],
    [
      'text/plain; charset="utf-8"; format=flowed;',
      ["text/plain", { charset: "utf-8", format: "flowed" }],
    ],
    ['text/plain (a; b="c) ; charset (x) = (y) utf-8 (z)', ["text/plain", { charset: "utf-8" }]],
    ['multipart/mixed; boundary="a;b=\\"c\\""', ["multipart/mixed", { boundary: 'a;b="c"' }]],
    ["multipart/mixed; boundary=a=_b", ["multipart/mixed", { boundary: "a=_b" }]],
    ['text/plain; name="open', ["text/plain", { name: "open" }]],
    ["text / plain", ["text/plain", {}]],
    ["text/plain; charset=utf-8; charset=latin1", ["text/plain", { charset: "utf-8" }]],
  ] as const) {
    assert.deepEqual(parsed(body), expected, body);
  }
});

test("RFC 2231 continuations and character sets are joined and decoded", () => {
  assert.deepEqual(
    parsed(
      "a/b; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
    ),
    ["a/b", { title: "This is even more ***fun*** isn't it!" }],
  );
  assert.deepEqual(parsed("a/b; name*=iso-8859-1''%E4.txt; name=x"), ["a/b", { name: "ä.txt" }]);
  assert.deepEqual(parsed("a/b; name*1=b; name*0=a; name*3=d"), ["a/b", { name: "ab" }]);
});

test("a type that cannot be read, or a decisive parameter given twice, is no type", () => {
  for (const body of [
    "",
    "text",
    "text/",
    "/plain",
    "text/plain/x",
    "te xt/plain",
    "multipart/mixed; boundary=a; boundary=b",
    'text/plain; hp="cipher"; hp=clear',
    `text/plain; a=${"b".repeat(100_000)}`,
  ]) {
    assert.equal(parsed(body), undefined, body.slice(0, 60));
  }
});

test("without a readable type a part is text/plain in US-ASCII", () => {
  const { header } = parseHeader(Buffer.from("Content-Type: text\r\n\r\n"));
  assert.equal(contentTypeOf(header).subtype, "plain");
  assert.equal(contentTypeOf(header).parameters.get("charset"), "us-ascii");
});

test("dispositions and file names are found where mail programs put them", () => {
  const disposition = (text: string): unknown =>
    dispositionOf(parseHeader(Buffer.from(text)).header);
  assert.deepEqual(
    disposition("Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf\r\n"),
    {
      kind: "attachment",
      filename: "ä.pdf",
    },
  );
  assert.deepEqual(disposition('Content-Type: image/png; name="=?utf-8?Q?=C3=A4?="\r\n'), {
    kind: "none",
    filename: "ä",
  });
  assert.deepEqual(disposition("Content-Disposition: INLINE\r\n"), { kind: "inline" });
  assert.deepEqual(disposition("Content-Disposition: odd\r\n"), { kind: "attachment" });
});

test("a parameter put in and taken out again leaves the field's bytes as they were", () => {
  const bodies = fc.oneof(
    fc.constantFrom(
      "text/plain",
      "text/plain;charset=utf-8",
      'multipart/mixed;\r\n boundary="a; hp=b"',
      "text/html; charset=utf-8;",
      'text/plain; name="open',
      "text/plain (comment)",
      `multipart/mixed; boundary=${"b".repeat(70)}`,
    ),
    fc
      .string({ unit: fc.constantFrom(...'ab/;= "()\\\t'.split("")), maxLength: 30 })
      .map((s) => `text/plain${s}`),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      const field: HeaderField = {
        name: "Content-Type",
        raw: Buffer.from(`Content-Type: ${body}\r\n`, "latin1"),
      };
      const marked = withParameter(field, "hp", "cipher");
      if (marked === undefined) return;
      assert.equal(contentTypeOf([marked]).parameters.get("hp"), "cipher");
      const restored = withoutParameters(marked, new Set(["hp"]));
      assert.equal(Buffer.from(restored.raw).toString(), Buffer.from(field.raw).toString());
    }),
  );
});

test("a parameter is refused where it could be swallowed", () => {
  assert.equal(
    withParameter(makeField("Content-Type", "text/plain (open"), "hp", "cipher"),
    undefined,
  );
  assert.equal(withParameter(makeField("Content-Type", "text"), "hp", "cipher"), undefined);
});

test("a decisive parameter in two forms is no content type, in sections it is one", () => {
  for (const name of ["boundary", "protocol", "hp", "charset"]) {
    for (const second of [`${name}*=us-ascii''b`, `${name}*0=b`, `${name}*0*=us-ascii''b`]) {
      assert.equal(parseContentType(`text/plain; ${name}=a; ${second}`), undefined, second);
      assert.equal(parseContentType(`text/plain; ${second}; ${name}=a`), undefined, second);
    }
    const sections = parseContentType(`text/plain; ${name}*0=a; ${name}*1=b`);
    assert.equal(sections?.parameters.get(name), "ab");
  }
  assert.equal(parseContentType("text/plain; boundary*0=a; boundary*0*=us-ascii''b"), undefined);
});
