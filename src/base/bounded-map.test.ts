import assert from "node:assert/strict";
import { test } from "node:test";

import { BoundedMap } from "./bounded-map.ts";

test("what nobody has asked for the longest goes first", () => {
  const map = new BoundedMap<string, number>({ entries: 2 });
  map.set("a", 1);
  map.set("b", 2);
  assert.equal(map.get("a"), 1);
  map.set("c", 3);
  assert.deepEqual([map.get("a"), map.get("b"), map.get("c")], [1, undefined, 3]);
});

test("the weight of all entries is limited, and one that alone weighs too much is not kept", () => {
  const map = new BoundedMap<string, number>({ entries: 10, weight: 10 });
  map.set("a", 1, 6);
  map.set("b", 2, 4);
  map.set("c", 3, 1);
  assert.deepEqual([map.get("a"), map.get("b"), map.get("c")], [undefined, 2, 3]);
  map.set("c", 4, 11);
  assert.equal(map.get("c"), undefined);
  map.set("b", 5, 10);
  assert.deepEqual([map.size, map.get("b")], [1, 5]);
});
