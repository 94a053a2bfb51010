import assert from "node:assert/strict";
import { test } from "node:test";

import { readingsOf, withoutDecoration } from "./pasted.ts";

test("brackets, quotation marks and punctuation around a pasted ID are not part of the ID", () => {
  const pasted = [
    "4f1c09a7be21",
    "(4f1c09a7be21)",
    "(4f1c09a7be21).",
    " <4f1c09a7be21>,",
    "[4f1c09a7be21];",
    '"4f1c09a7be21",',
    "'4f1c09a7be21':",
    "(4f1c09a7be21",
    "4f1c09a7be21)",
    "(<4f1c09a7be21>)",
  ];
  for (const text of pasted) assert.equal(withoutDecoration(text), "4f1c09a7be21", text);
});

test("brackets and periods inside a pasted ID stay", () => {
  for (const text of ["a(1)b@alpha.test", "a.b.c@alpha.test", '"a b"@alpha.test']) {
    assert.equal(withoutDecoration(text), text);
  }
});

test("an ID is looked for as it was given first", () => {
  assert.deepEqual(readingsOf("<1@alpha.test>."), ["<1@alpha.test>.", "1@alpha.test"]);
  assert.deepEqual(readingsOf("1@alpha.test"), ["1@alpha.test"]);
  assert.equal(withoutDecoration("..."), "");
});
