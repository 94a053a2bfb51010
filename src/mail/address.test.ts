import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import {
  canonicalAddress,
  type EmailAddress,
  formatAddress,
  isAscii,
  parseAddress,
  parseDomain,
  sameAddress,
  withoutSubaddress,
} from "./address.ts";
import { displayDomain } from "./display-domain.ts";

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert.ok(parsed, `${text} should be an address`);
  return parsed;
}

test("domains become A-labels in lower case without a trailing dot", () => {
  for (const [written, expected] of [
    ["bücher.example", "xn--bcher-kva.example"],
    ["Straße.EXAMPLE", "xn--strae-oqa.example"],
    ["XN--BCHER-KVA.example", "xn--bcher-kva.example"],
    ["Post.Example.", "post.example"],
    ["post。example", "post.example"],
    ["ｐｏｓｔ.example", "post.example"],
    ["localhost", "localhost"],
  ] as const) {
    assert.equal(parseDomain(written), expected, written);
  }
});

test("what is no domain is refused", () => {
  for (const text of [
    "",
    ".",
    "a..b",
    ".a",
    "a..",
    "[127.0.0.1]",
    "[IPv6:::1]",
    "127.0.0.1",
    "1.2.3.4.",
    "0x7f.1",
    "１２７.0.0.1",
    "-a.example",
    "a-.example",
    "a_b.example",
    "a b.example",
    "a/b",
    "a@b",
    "a%2eb",
    "a.example:25",
    "a.example\0",
    "a.example\r\nb",
    "xn--zzzzzz-.example",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(127)}example`,
  ]) {
    assert.equal(parseDomain(text), undefined, JSON.stringify(text));
  }
});

test("addresses are split at the last @ and lose quotes that they do not need", () => {
  assert.deepEqual(parseAddress('"ada.quill"@post.example'), {
    local: "ada.quill",
    domain: "post.example",
  });
  assert.equal(address('"a@evil.example"@post.example').local, "a@evil.example");
  assert.equal(address('"a@evil.example"@post.example').domain, "post.example");
  assert.equal(address('"a\\"b"@post.example').local, 'a"b');
  assert.equal(address("Ada.Quill+News@POST.example").local, "Ada.Quill+News");
});

test("what is no bare address is refused", () => {
  for (const text of [
    "",
    "@",
    "a@",
    "@post.example",
    "post.example",
    "a@evil.example@post.example",
    "<a@post.example>",
    "Ada <a@post.example>",
    " a@post.example",
    "a@post.example ",
    "a b@post.example",
    "a..b@post.example",
    ".a@post.example",
    "a.@post.example",
    '""@post.example',
    '"a"b@post.example',
    '"a@post.example',
    "a(c)@post.example",
    "a@post.example(c)",
    "a,b@post.example",
    "a\0@post.example",
    '"a\nb"@post.example',
    "a\u202Eb@post.example",
    "a\u00A0b@post.example",
    "a\u200Bb@post.example",
    "a@[127.0.0.1]",
    `${"a".repeat(65)}@post.example`,
    `${"ü".repeat(33)}@post.example`,
  ]) {
    assert.equal(parseAddress(text), undefined, JSON.stringify(text));
  }
});

test("equality folds ASCII case alone and compares the rest after NFC", () => {
  const equal = (a: string, b: string): boolean => sameAddress(address(a), address(b));
  assert.ok(equal("ada.quill@post.example", "Ada.Quill@POST.example"));
  assert.ok(equal('"ada.quill"@post.example.', "ada.quill@post.example"));
  assert.ok(equal("ju\u0308rgen@post.example", "j\u00FCrgen@post.example"));
  assert.ok(equal("a@bücher.example", "a@xn--bcher-kva.example"));
  for (const other of [
    "ada.quill+x@post.example",
    "adaquill@post.example",
    "ada.quill@post.example.evil.example",
    "ada.quill@post.examp1e",
    "ada.quill@a.post.example",
    "аda.quill@post.example",
  ]) {
    assert.ok(!equal("ada.quill@post.example", other), other);
  }
  assert.ok(!equal("JÜRGEN@post.example", "jürgen@post.example"));
});

test("subaddresses are cut at the first plus, but never to nothing", () => {
  assert.equal(withoutSubaddress(address("ada+x+y@post.example")).local, "ada");
  assert.equal(withoutSubaddress(address("+x@post.example")).local, "+x");
});

test("only a local part beyond ASCII needs SMTPUTF8", () => {
  assert.ok(isAscii(address("ada@bücher.example")));
  assert.ok(!isAscii(address("jürgen@post.example")));
});

test("whatever parses is written so that it parses to the same again", () => {
  const local = fc.oneof(
    fc.string({ minLength: 1, maxLength: 40, unit: "binary" }),
    fc.string({ minLength: 1, maxLength: 40, unit: "grapheme-ascii" }),
  );
  fc.assert(
    fc.property(local, (text) => {
      const quoted = `"${text.replace(/["\\]/g, "\\$&")}"@post.example`;
      const parsed = parseAddress(quoted);
      if (parsed === undefined) return;
      assert.deepEqual(parseAddress(formatAddress(parsed)), parsed);
      assert.equal(parsed.domain, "post.example");
      assert.ok(!/[\r\n\0]/.test(formatAddress(parsed)));
    }),
  );
});

test("canonical forms are equal exactly for equal addresses", () => {
  const part = fc.string({
    minLength: 1,
    maxLength: 3,
    unit: fc.constantFrom(..."aAbB.+@üÜ".split("")),
  });
  fc.assert(
    fc.property(part, part, (left, right) => {
      const [a, b] = [left, right].map((text) => parseAddress(`"${text}"@post.example`));
      if (a === undefined || b === undefined) return;
      assert.equal(canonicalAddress(a) === canonicalAddress(b), sameAddress(a, b));
    }),
  );
});

test("no text makes the parser throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parseAddress(text);
      parseAddress(`a@${text}`);
    }),
  );
});

test("domains are shown with U-labels only when nobody can mistake them", () => {
  const shown = (text: string): string => {
    const domain = parseDomain(text);
    assert.ok(domain, text);
    return displayDomain(domain);
  };
  for (const safe of ["post.example", "bücher.example", "почта.example", "例え.example"]) {
    assert.equal(shown(safe), safe);
  }
  for (const deceptive of ["аррӏе.example", "pаypal.example", "gооgle.example", "ıcloud.example"]) {
    assert.match(shown(deceptive), /^xn--/, deceptive);
  }
});
