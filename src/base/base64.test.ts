import assert from "node:assert/strict";
import { test } from "node:test";
import { assert as holds, property, uint8Array } from "fast-check";

import { decodeBase64 } from "./base64.ts";

test("what base64 was made of comes out again, with and without its padding", () => {
  holds(
    property(uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString("base64");
      for (const one of [text, text.replace(/=+$/, "")]) {
        assert.deepEqual(decodeBase64(Buffer.from(one)), Buffer.from(bytes));
      }
    }),
  );
});

test("what is no base64 is not decoded", () => {
  for (const text of ["*", "QUJD\n", "QU JD", "QU=J", "====", "ä"]) {
    assert.equal(decodeBase64(Buffer.from(text)), undefined, text);
  }
});
