import assert from "node:assert/strict";
import { test } from "node:test";

import { DOWN, http } from "../../test/support/discovery-world.ts";
import { lines } from "../../test/support/doctor-world.ts";
import { readOnly } from "./read-only.ts";

const ANSWERS = [
  [405, /^ok /],
  [501, /^ok /],
  [404, /^warn .*instead of 405/],
  [403, /^warn /],
  [200, /^fail .*does not refuse/],
  [302, /^fail /],
  [500, /^fail /],
] as const;
for (const [status, says] of ANSWERS) {
  test(`an answer ${status} to POST is judged`, async () => {
    assert.match(await lines(readOnly, { other: http(status) }), says);
  });
}

test("no answer is a warning, and no server is skipped", async () => {
  assert.match(await lines(readOnly, { other: DOWN }), /^warn .*does not answer/);
  assert.match(await lines(readOnly, { tls: "none" }), /^skip .*see tls/);
});
