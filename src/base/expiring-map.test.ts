import assert from "node:assert/strict";
import { test } from "node:test";

import { ExpiringMap } from "./expiring-map.ts";
import { after, fromUnixMs } from "./time.ts";

const start = fromUnixMs(0);

test("an entry is there until its moment, and not at it", () => {
  let now = start;
  const map = new ExpiringMap<string, number>(10, () => now);
  map.set("a", 1, after(start, 100));
  now = after(start, 99);
  assert.equal(map.get("a"), 1);
  now = after(start, 100);
  assert.equal(map.get("a"), undefined);
});

test("a full map forgets the entry that was set longest ago", () => {
  const map = new ExpiringMap<string, number>(2, () => start);
  for (const key of ["a", "b", "a", "c"]) map.set(key, 1, after(start, 1));
  assert.deepEqual(
    ["a", "b", "c"].map((key) => map.get(key)),
    [1, undefined, 1],
  );
});
