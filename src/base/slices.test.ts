import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { eachSlice } from "./slices.ts";

test("the slices are all of the bytes, in order, and none is larger than asked for", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), fc.integer({ min: 1, max: 20 }), async (bytes, octets) => {
      const slices: Uint8Array[] = [];
      await eachSlice(bytes, (slice) => slices.push(slice), octets);
      assert.deepEqual(Buffer.concat(slices), Buffer.from(bytes));
      assert(slices.every(({ length }) => length > 0 && length <= octets));
    }),
  );
});

test("the event loop gets a turn between the slices of many octets", async () => {
  const seen: string[] = [];
  setImmediate(() => seen.push("turn"));
  await eachSlice(new Uint8Array(1024 * 1024), () => seen.push("slice"));
  assert.equal(seen.length, 9);
  assert(seen.indexOf("turn") < seen.lastIndexOf("slice"));
});
