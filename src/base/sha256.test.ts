import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { sha256 } from "./sha256.ts";

test("the hash of pieces is that of the octets, however many there are", async () => {
  for (const count of [0, 1, 700_000]) {
    const octets = randomBytes(count);
    const expected = new Uint8Array(createHash("sha256").update(octets).digest());
    assert.deepEqual(new Uint8Array(await sha256(octets)), expected);
    const pieces = [octets.subarray(0, 1), octets.subarray(1)];
    assert.deepEqual(new Uint8Array(await sha256(pieces)), expected);
  }
});
