import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";

import { Secret } from "../base/secret.ts";
import { newServiceRoot, ServiceKey, type ServicePurpose } from "./service-key.ts";
import { deriveKey, unwrap, unwrapMail, wrap, wrapMail } from "./wrap.ts";

const key = new Secret(randomBytes(32));
const contexts = fc.array(fc.string(), { maxLength: 5 });

test("what was wrapped comes out under the same key and context", () => {
  fc.assert(
    fc.property(fc.uint8Array(), contexts, (bytes, context) => {
      const opened = unwrap(key, wrap(key, bytes, context), context);
      assert.deepEqual(Buffer.from(opened?.reveal() ?? []), Buffer.from(bytes));
      assert(opened);
    }),
  );
});

test("another context never opens it, not even one with the same letters", () => {
  fc.assert(
    fc.property(contexts, contexts, (one, two) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(two));
      assert.equal(unwrap(key, wrap(key, Buffer.from("x"), one), two), undefined);
    }),
  );
  assert.equal(unwrap(key, wrap(key, Buffer.from("x"), ["ab", "c"]), ["a", "bc"]), undefined);
});

test("another key and any changed bit never open it", () => {
  const wrapped = wrap(key, Buffer.from("the master key"), ["a"]);
  assert.equal(unwrap(new Secret(randomBytes(32)), wrapped, ["a"]), undefined);
  for (let bit = 0; bit < wrapped.length * 8; bit += 1) {
    const changed = Buffer.from(wrapped);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(unwrap(key, changed, ["a"]), undefined);
  }
  for (let length = 0; length < wrapped.length; length += 1) {
    assert.equal(unwrap(key, wrapped.subarray(0, length), ["a"]), undefined);
  }
});

test("the same secret wrapped twice never has the same bytes", () => {
  assert.notDeepEqual(wrap(key, Buffer.from("x"), []), wrap(key, Buffer.from("x"), []));
});

test("each purpose has a key of its own", () => {
  using root = new ServiceKey(newServiceRoot());
  const purposes: readonly ServicePurpose[] = [
    "slots",
    "login",
    "queue",
    "revocations",
    "macs",
    "audit",
    "tags",
    "sessions",
  ];
  const keys = purposes.map((purpose) => Buffer.from(root.for(purpose).reveal()).toString("hex"));
  assert.equal(new Set(keys).size, purposes.length);
});

test("derivation is what it was: stored data depends on it", () => {
  using root = new Secret(Buffer.alloc(32, 1));
  using derived = deriveKey(root, "service|slots");
  assert.equal(
    Buffer.from(derived.reveal()).toString("hex"),
    "04ece1a645bd1b3821420e60c1ac3b0f02f1b528122a79702ea69f17e60ec901",
  );
});

test("mail of any size comes out as it was wrapped, and is wrapped as secrets are", async () => {
  const slice = 128 * 1024;
  for (const length of [0, 1, slice - 1, slice, slice + 1, 4 * slice, 4 * slice + 1, 1_000_003]) {
    const message = randomBytes(length);
    const wrapped = await wrapMail(key, message, ["mail"]);
    assert(message.equals((await unwrapMail(key, wrapped, ["mail"])) ?? Buffer.from("none")));
    assert(message.equals(unwrap(key, wrapped, ["mail"])?.reveal() ?? Buffer.from("none")));
  }
});

test("mail with a changed bit, another context or a missing end never comes out", async () => {
  for (const length of [0, 100, 600_000]) {
    const wrapped = await wrapMail(key, randomBytes(length), ["mail"]);
    assert.equal(await unwrapMail(key, wrapped, ["other"]), undefined);
    assert.equal(await unwrapMail(key, wrapped.subarray(0, -1), ["mail"]), undefined);
    for (const at of [0, 12, wrapped.length >> 1, wrapped.length - 1]) {
      const changed = Uint8Array.from(wrapped);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(await unwrapMail(key, changed, ["mail"]), undefined);
    }
  }
  assert.equal(await unwrapMail(key, new Uint8Array(27), ["mail"]), undefined);
});
