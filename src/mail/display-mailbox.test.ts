import assert from "node:assert/strict";
import { test } from "node:test";
import { domainToASCII } from "node:url";

import { displayMailboxes } from "./display-mailbox.ts";
import { makeField, parseHeader } from "./header.ts";

function shown(body: string): string {
  const [field] = parseHeader(Buffer.from(`From: ${body}\r\n\r\n`)).header;
  assert(field !== undefined);
  return displayMailboxes(field);
}

const word = (text: string): string =>
  Buffer.from(makeField("X", text).raw).toString().slice(2).trim();

test("a name and an address are shown as such", () => {
  assert.equal(shown('"Quill, Ada" <ada@post.example>'), "Quill Ada <ada@post.example>");
  assert.equal(shown(`${word("Jürgen")} <j@post.example>`), "Jürgen <j@post.example>");
  assert.equal(shown("ada@post.example"), "ada@post.example");
});

test("a name cannot show another address, also not in an encoded word", () => {
  for (const name of ["ceo@alpha.test,", "ceo@alpha.test", "ceo＠alpha.test", "a﹫b.test"]) {
    assert.equal(
      shown(`=?utf-8?B?${Buffer.from(name).toString("base64")}?= <m@evil.test>`),
      "m@evil.test",
    );
  }
  const second = Buffer.from("CEO <x>, Boss").toString("base64");
  assert.equal(shown(`=?utf-8?B?${second}?= <m@evil.test>`), "CEO x Boss <m@evil.test>");
});

test("a long name does not push the address away", () => {
  assert.equal(shown(`${"n".repeat(500)} <m@evil.test>`), `${"n".repeat(64)}… <m@evil.test>`);
});

test("characters that nobody sees are not in a name", () => {
  const name = Buffer.from("A\u200Bl\u202Eic\u2066e\u00AD").toString("base64");
  assert.equal(shown(`=?utf-8?B?${name}?= <m@evil.test>`), "A lice <m@evil.test>");
});

test("a domain that may be mistaken for another is shown as its A-label", () => {
  assert.equal(shown("a@xn--80ak6aa92e.com"), "a@xn--80ak6aa92e.com");
  assert.equal(shown("a@xn--bcher-kva.example"), "a@bücher.example");
});

test("signs of other scripts that pass for Latin letters or for a slash do not stand in a shown domain", () => {
  for (const domain of [
    "g〇〇gle.com",
    "paypa丨.com",
    "bank.exampleノlogin.evil.com",
    "sealpost一secure.com",
    "օօ.com",
    "þaypal.com",
    "ƿaypal.com",
    "ạpple.com",
    "аррӏе.com",
  ]) {
    const ascii = domainToASCII(domain);
    assert.equal(shown(`a@${ascii}`), `a@${ascii}`, domain);
  }
  for (const domain of ["école.fr", "пример.com", "日本語.jp", "żółw.pl"]) {
    assert.equal(shown(`a@${domainToASCII(domain)}`), `a@${domain}`);
  }
});

test("of many mailboxes fifty are shown, and what is no list is cut", () => {
  const many = Array.from({ length: 60 }, (_, index) => `a${index}@x.test`).join(", ");
  assert.match(shown(many), /a49@x\.test, and 10 more$/);
  assert.equal(shown(`<${"x".repeat(300)}`).length, 201);
});
