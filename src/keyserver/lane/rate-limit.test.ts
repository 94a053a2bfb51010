import assert from "node:assert/strict";
import { test } from "node:test";

import { after, fromUnixMs, MINUTE } from "../../base/time.ts";
import { makeRateLimit, type RateLimit } from "./rate-limit.ts";

const START = fromUnixMs(0);

function takenOf(limit: RateLimit, times: number, now = START): number {
  const all = Array.from({ length: times }, () => limit.take("a", now));
  return all.filter(({ kind }) => kind === "open").length;
}

test("a key may go on until its minute and its reserve are spent", () => {
  const limit = makeRateLimit({ perMinute: 3, bursts: 5 / 3 });
  assert.equal(takenOf(limit, 50), 5);
  assert.deepEqual(limit.take("a", after(START, 1000)), { kind: "spent", waitMs: MINUTE - 1000 });
  assert.equal(limit.take("b", START).kind, "open");
});

test("after a minute there is a new one, after ten there is a new reserve", () => {
  const limit = makeRateLimit({ perMinute: 3, bursts: 5 / 3 });
  assert.equal(takenOf(limit, 20), 5);
  assert.equal(takenOf(limit, 20, after(START, MINUTE)), 3);
  assert.equal(takenOf(limit, 20, after(START, 10 * MINUTE)), 5);
  // Also when the clock was set back.
  assert.equal(takenOf(limit, 20, after(START, -60 * MINUTE)), 5);
});

test("looking takes nothing, and says what taking would say", () => {
  const limit = makeRateLimit({ perMinute: 1 });
  for (let index = 0; index < 5; index += 1) assert.equal(limit.look("a", START).kind, "open");
  assert.equal(limit.take("a", START).kind, "open");
  assert.deepEqual(limit.look("a", after(START, 1000)), { kind: "spent", waitMs: MINUTE - 1000 });
  assert.equal(limit.look("a", after(START, MINUTE)).kind, "open");
});

test("the memory for keys is bounded: the oldest is forgotten first", () => {
  const limit = makeRateLimit({ perMinute: 1, mostKeys: 2 });
  for (const key of ["a", "b", "c"]) limit.take(key, START);
  const kinds = ["b", "c", "a"].map((key) => limit.take(key, START).kind);
  assert.deepEqual(kinds, ["spent", "spent", "open"]);
});

test("a limit may be another for each key, and change", () => {
  const limits = new Map([["a", 1]]);
  const limit = makeRateLimit({ perMinute: (key) => limits.get(key) ?? 0, bursts: 2 });
  assert.equal(takenOf(limit, 10), 2);
  limits.set("a", 3);
  assert.equal(takenOf(limit, 10), 4);
  assert.equal(limit.take("b", START).kind, "spent");
});
