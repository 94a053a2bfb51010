import assert from "node:assert/strict";
import { test } from "node:test";
import { verdictFrom } from "./verdict.ts";

test("a verdict from before it was known what is signed says that the text was, and nothing more", () => {
  for (const [state, lowered] of [
    ["CONFIDENTIAL", "CONFIDENTIAL_BODY"],
    ["VERIFIED", "VERIFIED_BODY"],
    ["LOCKED", "LOCKED"],
  ] as const) {
    const text = JSON.stringify({
      state,
      warnings: [],
      signature: "verified",
      scan: "not-possible",
      check: "done",
      checkedAt: "2026-11-01T00:00:00.000Z",
      evidence: {},
    });
    const verdict = verdictFrom(text);
    assert.deepEqual([verdict.state, verdict.header], [lowered, "unprotected"]);
    assert.equal(verdict.unsigned.includes("Subject"), true);
  }
});
