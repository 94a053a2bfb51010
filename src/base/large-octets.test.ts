import assert from "node:assert/strict";
import { test } from "node:test";

import {
  inSharedMemory,
  joined,
  LARGE_OCTETS,
  newOctets,
  octetsIn,
  portable,
} from "./large-octets.ts";
import { fromUnixMs } from "./time.ts";

const isShared = ({ buffer }: Uint8Array): boolean => buffer instanceof SharedArrayBuffer;
const some = (length: number): Buffer => Buffer.alloc(length, "0123456789abcdef-");

test("octets are in shared memory when they are large, and only then", () => {
  assert.equal(isShared(newOctets(LARGE_OCTETS)), false);
  assert.equal(isShared(newOctets(LARGE_OCTETS + 1)), true);
  assert.equal(newOctets(LARGE_OCTETS + 1).length, LARGE_OCTETS + 1);
});

test("joined pieces are the same octets, whatever their sizes", async () => {
  for (const sizes of [[], [0, 3, 0], [1, LARGE_OCTETS], [300_000, 0, 300_001, 7]]) {
    const pieces = sizes.map(some);
    const whole = await joined(pieces);
    assert(Buffer.concat(pieces).equals(whole));
    assert.equal(isShared(whole), whole.length > LARGE_OCTETS);
  }
});

test("large octets are shared by one copy, and shared ones by none", async () => {
  const large = some(LARGE_OCTETS + 1);
  const shared = await inSharedMemory(large);
  assert(isShared(shared) && large.equals(shared));
  assert.equal(await inSharedMemory(shared), shared);
});

test("a small view travels without the memory around it", async () => {
  const around = some(1000);
  const view = await portable(around.subarray(10, 20));
  assert.equal(view.buffer.byteLength, 10);
  assert(around.subarray(10, 20).equals(view));
});

test("a portable value keeps its dates, texts and nested lists, and shares its large octets", async () => {
  const at = fromUnixMs(0);
  const large = some(LARGE_OCTETS + 1);
  const value = { at, lists: [["a", undefined], [{ large, small: some(3) }]], count: 7 };
  const sent = await portable(value);
  assert.equal(octetsIn(sent), LARGE_OCTETS + 4);
  assert.equal(sent.at, at);
  const [, [inner]] = sent.lists as [unknown, [{ large: Uint8Array; small: Uint8Array }]];
  assert(isShared(inner.large) && large.equals(inner.large));
  assert.deepEqual(Buffer.from(inner.small), some(3));
  assert.deepEqual([sent.lists[0], sent.count], [["a", undefined], 7]);
});
