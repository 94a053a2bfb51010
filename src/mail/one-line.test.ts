import assert from "node:assert/strict";
import { test } from "node:test";

import { oneLine, withMarks } from "./one-line.ts";

for (const [name, text] of [
  ["line ends", "a\r\nb"],
  ["a line separator", "a\u{2028}b"],
  ["a right-to-left override", "a\u{202E}b"],
  ["a zero-width space", "a\u{200B}b"],
  ["half a surrogate pair", "a\u{D800}b"],
  ["an escape", "a\u{1B}b"],
] as const) {
  test(`${name} of a stranger's text does not stand on the line`, () => {
    assert.equal(oneLine(text), "a b");
    assert.match(withMarks(text), /^a\u{FFFD}{1,2}b$/u);
  });
}

test("letters of every script stay as they are", () => {
  for (const text of ["Zoë Ångström", "Мария", "山田 太郎", "😀"]) {
    assert.equal(oneLine(text), text);
    assert.equal(withMarks(text), text);
  }
});
