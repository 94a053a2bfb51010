import assert from "node:assert/strict";
import { test } from "node:test";

import { plainMessageId } from "./message-id.ts";

test("a Message-ID is the same with and without brackets, and with blanks around it", () => {
  for (const text of ["<1@alpha.test>", "1@alpha.test", " <1@alpha.test>\r\n", "\t1@alpha.test "]) {
    assert.equal(plainMessageId(text), "1@alpha.test");
  }
});

test("no more than a thousand characters of a Message-ID are compared", () => {
  assert.equal(plainMessageId(`<${"x".repeat(5000)}>`).length, 1000);
});
