import assert from "node:assert/strict";
import { test } from "node:test";
import { after, fromUnixMs, MINUTE } from "../base/time.ts";
import { makeRateLimit, type RateLimit } from "./rate-limit.ts";

const START = fromUnixMs(0);

function takenOf(limit: RateLimit, times: number, now = START): number {
  const all = Array.from({ length: times }, () => limit.take("a", now));
  return all.filter(({ kind }) => kind === "taken").length;
}

test("a key may go on until its minute and its reserve are spent", () => {
  const limit = makeRateLimit({ perMinute: 3, burst: 5 });
  assert.equal(takenOf(limit, 50), 5);
  assert.deepEqual(limit.take("a", after(START, 1000)), { kind: "spent", waitMs: MINUTE - 1000 });
  assert.equal(limit.take("b", START).kind, "taken");
});

test("after a minute there is a new one, after ten there is a new reserve", () => {
  const limit = makeRateLimit({ perMinute: 3, burst: 5 });
  assert.equal(takenOf(limit, 20), 5);
  assert.equal(takenOf(limit, 20, after(START, MINUTE)), 3);
  assert.equal(takenOf(limit, 20, after(START, 10 * MINUTE)), 5);
  // Also when the clock was set back.
  assert.equal(takenOf(limit, 20, after(START, -60 * MINUTE)), 5);
});

test("what is given back can be taken again", () => {
  const limit = makeRateLimit({ perMinute: 1, burst: 2 });
  for (let index = 0; index < 5; index += 1) {
    const one = limit.take("a", START);
    assert(one.kind === "taken");
    one.giveBack();
  }
});

test("what was taken in a minute that is over is not given back to the next", () => {
  const limit = makeRateLimit({ perMinute: 1 });
  const old = limit.take("a", START);
  const later = after(START, MINUTE);
  assert.equal(limit.take("a", later).kind, "taken");
  assert(old.kind === "taken");
  old.giveBack();
  assert.equal(limit.take("a", later).kind, "spent");
});

test("the memory for keys is bounded: the oldest is forgotten first", () => {
  const limit = makeRateLimit({ perMinute: 1, mostKeys: 2 });
  for (const key of ["a", "b", "c"]) limit.take(key, START);
  const kinds = ["b", "c", "a"].map((key) => limit.take(key, START).kind);
  assert.deepEqual(kinds, ["spent", "spent", "taken"]);
});
