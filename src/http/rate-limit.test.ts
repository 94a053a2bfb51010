import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRateLimit } from "./rate-limit.ts";

test("a key may go on until its minute and its reserve are spent", async () => {
  const limit = makeRateLimit({ perMinute: 3, burst: 5 });
  for (let index = 0; index < 5; index += 1) {
    assert.equal(await limit.waitMs("a"), undefined);
    await limit.count("a");
  }
  const waitMs = await limit.waitMs("a");
  assert(waitMs !== undefined && waitMs > 0 && waitMs <= 60_000);
  assert.equal(await limit.waitMs("b"), undefined);
});

test("asking counts nothing, and counting beyond the limit is no error", async () => {
  const limit = makeRateLimit({ perMinute: 1 });
  for (let index = 0; index < 5; index += 1) assert.equal(await limit.waitMs("a"), undefined);
  for (let index = 0; index < 5; index += 1) await limit.count("a");
  assert.notEqual(await limit.waitMs("a"), undefined);
});
