import assert from "node:assert/strict";
import { test } from "node:test";

import { padded, unpadded, unwrapKey, wrapKey } from "./key-wrap.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** RFC 3394 §4.1 and §4.6. */
const VECTORS = [
  {
    kek: "00010203 04050607 08090A0B 0C0D0E0F",
    plain: "00112233 44556677 8899AABB CCDDEEFF",
    wrapped: "1FA68B0A 8112B447 AEF34BD8 FB5A7B82 9D3E8623 71D2CFE5",
  },
  {
    kek: "00010203 04050607 08090A0B 0C0D0E0F 10111213 14151617 18191A1B 1C1D1E1F",
    plain: "00112233 44556677 8899AABB CCDDEEFF 00010203 04050607 08090A0B 0C0D0E0F",
    wrapped:
      "28C9F404 C4B810F4 CBCCB35C FB87F826 3F5786E2 D80ED326 CBC7F0E7 1A99F43B FB988B9B 7A02DD21",
  },
] as const;

test("keys are wrapped as in the test vectors of RFC 3394", () => {
  for (const { kek, plain, wrapped } of VECTORS) {
    assert.deepEqual(wrapKey(hex(kek), hex(plain)), hex(wrapped));
    assert.deepEqual(unwrapKey(hex(kek), hex(wrapped)), hex(plain));
  }
});

test("a wrapped key that was changed, or is of an impossible size, is not unwrapped", () => {
  const [{ kek, wrapped }] = VECTORS;
  for (let at = 0; at < hex(wrapped).length; at += 1) {
    const changed = hex(wrapped);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => unwrapKey(hex(kek), changed));
  }
  for (const size of [0, 8, 16, 23]) {
    assert.throws(() => unwrapKey(hex(kek), hex(wrapped).subarray(0, size)), /size/);
  }
});

test("padding fills up to eight octets, is never empty, and is checked", () => {
  for (let size = 0; size <= 40; size += 1) {
    const plain = Buffer.alloc(size, 0x5a);
    assert.equal(padded(plain).length % 8, 0);
    assert(padded(plain).length > size);
    assert.deepEqual(unpadded(padded(plain)), plain);
  }
  for (const wrong of ["", "00", "02", "0203", "030203"]) {
    assert.throws(() => unpadded(hex(wrong)), /padding/);
  }
});
