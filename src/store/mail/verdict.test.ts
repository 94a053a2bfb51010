import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUnixMs } from "../../base/time.ts";
import { locked } from "../../incoming/verdicts.ts";
import { verdictFrom, verdictText } from "./verdict.ts";

const verdict = { ...locked(fromUnixMs(1_795_000_000_000)), state: "CONFIDENTIAL" } as const;

test("a verdict is read as it was written", () => {
  assert.deepEqual(verdictFrom(verdictText(verdict)), verdict);
});

test("a verdict without its date, or without the list of what is unsigned, is none", () => {
  for (const name of ["checkedAt", "unsigned"]) {
    const text = JSON.stringify({ ...verdict, [name]: undefined });
    assert.throws(() => verdictFrom(text), /a verdict that is not whole/);
  }
});
