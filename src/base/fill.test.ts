import assert from "node:assert/strict";
import { test } from "node:test";

import { fill } from "./fill.ts";

/** A file that gives few octets at a time, as a network file system does. */
function fileOf(content: Uint8Array, most: number) {
  return {
    read: async (into: Uint8Array, offset: number, length: number, position: number) => {
      const part = content.subarray(position, position + Math.min(most, length));
      into.set(part, offset);
      return Promise.resolve({ bytesRead: part.length });
    },
  };
}

test("octets are filled whatever a call of the system gives, up to the end of the file", async () => {
  const content = Buffer.from("0123456789");
  for (const most of [1, 3, 100]) {
    const octets = Buffer.alloc(6, ".");
    assert.equal(await fill(fileOf(content, most), octets, 2), 6);
    assert.equal(octets.toString(), "234567");
    assert.equal(await fill(fileOf(content, most), octets, 7), 3);
    assert.equal(octets.toString(), "789567");
    assert.equal(await fill(fileOf(content, most), octets, 20), 0);
  }
});
