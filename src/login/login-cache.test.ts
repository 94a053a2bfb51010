import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { Secret } from "../base/secret.ts";
import { HOUR, MINUTE } from "../base/time.ts";
import { OtherSalt, TypedPassword } from "../vault/typed-password.ts";
import { LoginCache, type CacheTrial } from "./login-cache.ts";

const account = idOf(addressOf("alice@alpha.test"));
const other = idOf(addressOf("bob@alpha.test"));
const at = { account, network: "192.0.2.0/24", generation: 3 };
const salt = randomBytes(16);

function typed(text = "correct horse"): TypedPassword {
  return new TypedPassword(Secret.fromText(text));
}

/** A password with made-up keys, as if an Argon2id had made them: these tests need no slow hash. */
function made(text?: string): TypedPassword {
  const password = typed(text);
  const [verifier, wrapping] = [randomBytes(32), randomBytes(32)];
  password.remember(salt, { verifier: new Secret(verifier), wrapping: new Secret(wrapping) });
  return password;
}

function fresh(idleMs = 10 * MINUTE) {
  const clock = fakeClock();
  const idle = { ms: idleMs };
  const cache = new LoginCache(clock, () => idle.ms);
  const trial = (owner = at, text?: string): CacheTrial => {
    using password = typed(text);
    return cache.try(owner, password);
  };
  return { clock, idle, cache, trial };
}

test("the same password gets the keys that its Argon2id gave", async () => {
  const { cache } = fresh();
  using first = made();
  await cache.keep(at, first, salt);
  using again = typed();
  assert.equal(cache.try(at, again), "opened");
  const [before, after] = [await first.keysFor(salt), await again.keysFor(salt)];
  assert.deepEqual(after.verifier.reveal(), before.verifier.reveal());
  assert.deepEqual(after.wrapping.reveal(), before.wrapping.reveal());
  await assert.rejects(again.keysFor(randomBytes(16)), OtherSalt);
});

test("the two forms of one password are one password", async () => {
  const { cache, trial } = fresh();
  using composed = made("caf\u00e9");
  await cache.keep(at, composed, salt);
  assert.equal(trial(at, "cafe\u0301"), "opened");
});

test("a wrong password leaves the entry as it is, and does not prolong it", async () => {
  const { clock, cache, trial } = fresh();
  using password = made();
  await cache.keep(at, password, salt);
  clock.advance(9 * MINUTE);
  for (let guess = 0; guess < 20; guess += 1) assert.equal(trial(at, `guess ${guess}`), "wrong");
  assert.equal(trial(), "opened");
  clock.advance(9 * MINUTE);
  assert.equal(trial(at, "wrong"), "wrong");
  clock.advance(MINUTE);
  assert.equal(trial(), "none");
});

test("an entry is nobody else's: no other account, network or generation opens it", async () => {
  const { cache, trial } = fresh();
  using password = made();
  await cache.keep(at, password, salt);
  assert.equal(trial({ ...at, account: other }), "none");
  assert.equal(trial({ ...at, network: "198.51.100.0/24" }), "none");
  assert.equal(trial(), "opened");
  assert.equal(trial({ ...at, generation: 4 }), "none");
  assert.equal(trial(), "none", "the other generation dropped it");
});

test("an entry ends 10 minutes after its last use, 8 hours after its Argon2id, and when the clock is set back", async () => {
  const { clock, cache, trial } = fresh();
  using password = made();
  await cache.keep(at, password, salt);
  for (let minutes = 9; minutes < 8 * 60; minutes += 9) {
    clock.advance(9 * MINUTE);
    assert.equal(trial(), "opened", String(minutes));
  }
  clock.advance(9 * MINUTE);
  assert.equal(trial(), "none");
  await cache.keep(at, password, salt);
  clock.advance(10 * MINUTE);
  assert.equal(trial(), "none");
  await cache.keep(at, password, salt);
  clock.advance(-HOUR);
  assert.equal(trial(), "none");
});

test("0 switches it off, at once and for what is there", async () => {
  const { idle, cache, trial } = fresh();
  using password = made();
  await cache.keep(at, password, salt);
  idle.ms = 0;
  assert.equal(cache.isOn, false);
  assert.equal(trial(), "none");
  await cache.keep({ ...at, account: other }, password, salt);
  await cache.dropStale(async () => new Map([[account, 3]]));
  assert.equal(cache.size, 0);
});

test("the sweep wipes what is idle, and entries of accounts that were changed or erased", async () => {
  const { clock, cache, trial } = fresh();
  using password = made();
  await cache.keep(at, password, salt);
  await cache.keep({ ...at, account: other }, password, salt);
  await cache.dropStale(async () => new Map([[account, 3]]));
  assert.equal(cache.size, 1);
  assert.equal(trial(), "opened");
  await cache.dropStale(async () => new Map([[account, 4]]));
  assert.equal(cache.size, 0);
  await cache.keep(at, password, salt);
  clock.advance(10 * MINUTE);
  const nobody = async () => assert.fail("nobody is asked about what is dropped anyway");
  await cache.dropStale(nobody);
  assert.equal(cache.size, 0);
});

test("the number of entries has a limit, and the one that was not used for the longest goes first", async () => {
  const { cache, trial } = fresh();
  using password = made();
  const from = (network: number) => ({ ...at, network: `network ${network}` });
  for (let network = 0; network < 10_000; network += 1) {
    await cache.keep(from(network), password, salt);
  }
  assert.equal(trial(from(0)), "opened");
  await cache.keep(from(10_000), password, salt);
  assert.equal(cache.size, 10_000);
  assert.equal(trial(from(0)), "opened");
  assert.equal(trial(from(1)), "none");
});

test("nothing is remembered after the end, and no login fails because of it", async () => {
  const { cache, trial } = fresh();
  using password = made();
  await cache.keep(at, password, salt);
  cache[Symbol.dispose]();
  assert.equal(cache.size, 0);
  assert.equal(trial(), "none");
  await cache.keep(at, password, salt);
  assert.equal(cache.size, 0);
});
