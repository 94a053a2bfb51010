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

test("of those who take at once only so many may go on, and what is given back can be taken again", async () => {
  const limit = makeRateLimit({ perMinute: 3, burst: 5 });
  const taken = await Promise.all(Array.from({ length: 50 }, async () => limit.take("a")));
  const passed = taken.flatMap((one) => (one.kind === "taken" ? [one] : []));
  assert.equal(passed.length, 5);
  const spent = await limit.take("a");
  assert(spent.kind === "spent" && spent.waitMs > 0 && spent.waitMs <= 60_000);
  const other = makeRateLimit({ perMinute: 1, burst: 2 });
  for (let index = 0; index < 5; index += 1) {
    const one = await other.take("a");
    assert(one.kind === "taken");
    await one.giveBack();
  }
});
