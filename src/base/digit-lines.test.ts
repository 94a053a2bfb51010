import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { writeDigitLines } from "./digit-lines.ts";

test("digits are written in lines of each width, and nothing beside them", () => {
  const unit = fc.constantFrom("A", "z", "0", "+", "/", "=");
  fc.assert(
    fc.property(
      fc.string({ unit, maxLength: 400 }),
      fc.integer({ min: 8, max: 90 }),
      (text, width) => {
        const expected = text.replaceAll(new RegExp(`.{1,${String(width)}}`, "g"), "$&\r\n");
        const output = Buffer.alloc(expected.length + 8, ".");
        const end = writeDigitLines(Buffer.from(text), output, { start: 4, width });
        assert.equal(end, expected.length + 4);
        assert.equal(output.toString("latin1"), `....${expected}....`);
      },
    ),
  );
});
