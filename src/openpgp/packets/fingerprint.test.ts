import assert from "node:assert/strict";
import { test } from "node:test";

import { fingerprintOfBytes, keyIdOf, parseFingerprint, parseKeyId } from "./fingerprint.ts";

const V4 = "8896EE65A6C5E32C45D604077631DFC1924F1BDD";
const V6 = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9";

test("a fingerprint is 40 or 64 hex digits of either case, with or without 0x", () => {
  assert.equal(parseFingerprint(V4.toLowerCase()), V4);
  assert.equal(parseFingerprint(`0x${V4}`), V4);
  assert.equal(parseFingerprint(`0X${V6}`), V6);
  for (const text of [
    "",
    "0x",
    V4.slice(1),
    `${V4}0`,
    `${V4.slice(1)}G`,
    ` ${V4}`,
    `${V4}\n`,
    `0x0x${V4}`,
  ]) {
    assert.equal(parseFingerprint(text), undefined, JSON.stringify(text));
  }
});

test("a key ID is 16 digits: the forgeable short ones are refused", () => {
  assert.equal(parseKeyId("0x7631dfc1924f1bdd"), "7631DFC1924F1BDD");
  assert.equal(parseKeyId("924F1BDD"), undefined);
  assert.equal(parseKeyId(V4), undefined);
});

test("a key ID is the end of a v4 fingerprint and the start of a v6 one", () => {
  assert.equal(keyIdOf(fingerprint(V4)), "7631DFC1924F1BDD");
  assert.equal(keyIdOf(fingerprint(V6)), "CB186C4F0609A697");
});

test("a fingerprint is made of 20 or 32 octets only", () => {
  assert.equal(fingerprintOfBytes(Buffer.from(V6, "hex")), V6);
  assert.equal(fingerprintOfBytes(Buffer.alloc(16)), undefined);
});

function fingerprint(text: string) {
  const parsed = parseFingerprint(text);
  assert(parsed);
  return parsed;
}
