import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { type EmailAddress, formatAddress, parseAddress } from "../../mail/address.ts";
import { userIdMatches } from "./user-id.ts";

const ADA = address("ada.quill@post.example");

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed, text);
  return parsed;
}

const ACCEPTED = [
  "ada.quill@post.example",
  "<ada.quill@post.example>",
  "Ada Q <ada.quill@post.example>",
  "Ada.Quill@POST.example",
  '"Quill, Ada" (work) <ada.quill@post.example>',
  // The same address twice is one address.
  "ada.quill@post.example <ada.quill@post.example>",
  "Ada.Quill@POST.example <ada.quill@post.example>",
  "Ada (ada.quill@post.example) <ada.quill@post.example>",
  '"ada.quill@post.example" <ada.quill@post.example>',
  // Not of the form of an address in a domain with a dot.
  "Ada @ home <ada.quill@post.example>",
  "ada@localhost <ada.quill@post.example>",
  "@ada.quill <ada.quill@post.example>",
  "Ada :-@) <ada.quill@post.example>",
];
for (const userId of ACCEPTED) {
  test(`the user ID ${userId} is that of ada.quill@post.example`, () => {
    assert.equal(userIdMatches(userId, ADA), true);
  });
}

const REFUSED = [
  "Ada (ada.quill@post.example)",
  "ada.quill@post.example <m@evil.example>",
  "x <ada.quill@post.example> <m@evil.example>",
  '"<ada.quill@post.example>" <m@evil.example>',
  "ada.quill@post.example.evil.example",
  "ada.quill@post.examp1e",
  "m@evil.example <ada.quill@post.example>",
  "m\uFF20evil.example <ada.quill@post.example>",
  "m\uFE6Bevil.example <ada.quill@post.example>",
  "m@evil\u3002example <ada.quill@post.example>",
  "m@evil\uFF0Eexample <ada.quill@post.example>",
  "(m@evil.example) <ada.quill@post.example>",
  "ada.quill@post.example,m@evil.example <ada.quill@post.example>",
  "ada.quill@post.example m@evil.example <ada.quill@post.example>",
  "ada.quill+x@post.example <ada.quill@post.example>",
  "m@sub.evil.example: <ada.quill@post.example>",
  "<ada.quill@post.example> m@evil.example",
  "<ada.quill@post.example",
  "ada.quill@post.example>",
  "<<ada.quill@post.example>>",
  "Ada <ada.quill@post.example> ",
  " ada.quill@post.example",
  "ada.quill@post.example,m@evil.example",
  "Ada <m@evil.example,ada.quill@post.example>",
  "ada.quill+x@post.example",
  "mailto:ada.quill@post.example",
  "аda.quill@post.example",
  "",
];
for (const userId of REFUSED) {
  test(`the user ID ${JSON.stringify(userId)} is not that of ada.quill@post.example`, () => {
    assert.equal(userIdMatches(userId, ADA), false);
  });
}

test("control and direction characters anywhere refuse a user ID", () => {
  for (const character of [
    "\0",
    "\r",
    "\n",
    "\t",
    "\x7F",
    "\u202E",
    "\u2066",
    "\u200F",
    "\u061C",
    "\u200B",
  ]) {
    assert.equal(userIdMatches(`${character}Ada <ada.quill@post.example>`, ADA), false);
    assert.equal(userIdMatches(`ada.quill@post.example${character}`, ADA), false);
  }
});

test("a certificate of the plain address serves a subaddress, unless that is switched off", () => {
  const subaddress = address("ada.quill+x@post.example");
  assert.equal(userIdMatches("ada.quill@post.example", subaddress), true);
  assert.equal(userIdMatches("ada.quill@post.example", subaddress, { subaddress: false }), false);
  assert.equal(userIdMatches("ada.quill+x@post.example", subaddress, { subaddress: false }), true);
  assert.equal(userIdMatches("ada.quill+y@post.example", subaddress), false);
});

test("internationalised domains match in either form", () => {
  assert.equal(userIdMatches("ada@bücher.example", address("ada@xn--bcher-kva.example")), true);
  assert.equal(
    userIdMatches("Jürgen <jürgen@bücher.example>", address("jürgen@bücher.example")),
    true,
  );
});

const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const anyAddress = fc
  .tuple(part, part, fc.constantFrom("example", "test"))
  .map(([local, domain, top]) => address(`${local}@${domain}.${top}`));

test("every address matches its own user ID, bare or with a name", () => {
  fc.assert(
    fc.property(anyAddress, fc.stringMatching(/^[A-Za-z .,'()"-]{0,20}$/), (wanted, name) => {
      assert(userIdMatches(formatAddress(wanted), wanted));
      assert(userIdMatches(`${name}<${formatAddress(wanted)}>`, wanted));
    }),
  );
});

test("a user ID matches at most one of two different addresses, whatever surrounds them", () => {
  const glue = fc.stringMatching(/^[ <>@(),;:"'\\/+x\0\r\n]{0,6}$/);
  fc.assert(
    fc.property(anyAddress, anyAddress, glue, glue, glue, (a, b, before, between, behind) => {
      fc.pre(formatAddress(a) !== formatAddress(b));
      const userId = `${before}${formatAddress(a)}${between}${formatAddress(b)}${behind}`;
      assert(!(userIdMatches(userId, a) && userIdMatches(userId, b)));
    }),
    { numRuns: 2000 },
  );
});

test("any text at all is answered", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (userId) => {
      assert.equal(typeof userIdMatches(userId, ADA), "boolean");
    }),
  );
});
