import assert from "node:assert/strict";
import { test } from "node:test";

import { xtext } from "./xtext.ts";

test("xtext leaves visible ASCII, and says everything else as the octets of UTF-8", () => {
  assert.equal(xtext("a.b-c@[x]!~"), "a.b-c@[x]!~");
  assert.equal(xtext("a+b=c d\r\n\0"), "a+2Bb+3Dc+20d+0D+0A+00");
  assert.equal(xtext("ö"), "+C3+B6");
  // Two UTF-16 units, one character.
  assert.equal(xtext("😀"), "+F0+9F+98+80");
});
