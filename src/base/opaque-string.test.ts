import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import fc from "fast-check";

import { passphraseForms, passwordForm } from "./opaque-string.ts";

const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");
const hex = (all: readonly Uint8Array[]) => all.map((one) => Buffer.from(one).toString("hex"));
const NFC = "Stra\u{df}e \u{e4}-7";
const NFD = NFC.normalize("NFD");

test("an ASCII password has one form, as it was typed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
      assert.deepEqual(hex([passwordForm(utf8(text))]), hex([utf8(text)]));
      assert.deepEqual(hex(passphraseForms(utf8(text))), hex([utf8(text)]));
    }),
  );
});

test("whichever form of Unicode is typed, the kept one is the same (RFC 8265 §4.2)", () => {
  for (const typed of [NFC, NFD]) {
    assert.deepEqual(hex([passwordForm(utf8(typed))]), hex([utf8(NFC)]));
  }
  assert.deepEqual(hex([passwordForm(utf8("a\u{a0}b\u{3000}c"))]), hex([utf8("a b c")]));
});

test("the kept form is NFC of the whole, wherever letters and marks stand", () => {
  const letters = fc.constantFrom(
    "a",
    "\u{e4}",
    "\u{308}",
    "\u{323}",
    "\u{ac00}",
    "\u{1100}",
    "\u{1161}",
    "z",
    "7",
    "\u{1f600}",
    "\u{212b}",
  );
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 12 }), (given) => {
      const text = given.join("");
      const kept = passwordForm(utf8(text));
      assert.equal(Buffer.from(kept).toString("utf8"), text.normalize("NFC"));
    }),
  );
});

test("a passphrase is tried as it was typed, then in each form of Unicode and in ISO 8859-1", () => {
  const latin1 = Buffer.from(NFC, "latin1");
  assert.deepEqual(hex(passphraseForms(utf8(NFC))), hex([utf8(NFC), utf8(NFD), latin1]));
  assert.deepEqual(hex(passphraseForms(utf8(NFD))), hex([utf8(NFD), utf8(NFC), latin1]));
  assert.deepEqual(hex(passphraseForms(latin1)), hex([latin1, utf8(NFC), utf8(NFD)]));
  assert.deepEqual(hex(passphraseForms(utf8("\u{20ac}5"))), hex([utf8("\u{20ac}5")]));
});

test("what is no UTF-8 is a password of ISO 8859-1", () => {
  assert.deepEqual(hex([passwordForm(Buffer.from(NFC, "latin1"))]), hex([utf8(NFC)]));
});

test("no string is made of more than a letter beyond ASCII and the one before it", (t: TestContext) => {
  const made: string[] = [];
  const real = Buffer.prototype.toString;
  t.mock.method(Buffer.prototype, "toString", function toString(this: Buffer, ...args: []) {
    const text: string = real.apply(this, args);
    made.push(text);
    return text;
  });
  passwordForm(utf8("correct horse \u{f6} battery"));
  assert.deepEqual([...new Set(made.map((each) => each.normalize("NFC")))], [" \u{f6}"]);
});
