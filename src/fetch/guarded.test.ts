import assert from "node:assert/strict";
import { test } from "node:test";
import { MINUTE, after, fromUnixMs } from "../base/time.ts";
import { Breaker } from "./breaker.ts";
import { networkBudget } from "./budget.ts";
import { Gate } from "./gate.ts";

test("at most so many pass a gate at once, in all and for one key, and all pass in the end", async () => {
  const gate = new Gate({ inAll: 5, forKey: 2, waiting: 100 });
  const inside = new Map<string, number>();
  let most = 0;
  let mostForKey = 0;
  const visit = (key: string) =>
    gate.pass(key, undefined, async () => {
      inside.set(key, (inside.get(key) ?? 0) + 1);
      const counts = [...inside.values()];
      most = Math.max(
        most,
        counts.reduce((sum, count) => sum + count, 0),
      );
      mostForKey = Math.max(mostForKey, ...counts);
      await new Promise((resolve) => setImmediate(resolve));
      inside.set(key, (inside.get(key) ?? 0) - 1);
      return true;
    });
  const keys = Array.from({ length: 60 }, (_, index) => `host${index % 3}`);
  const passed = await Promise.all(keys.map(visit));
  assert(passed.every((one) => one === true));
  assert.equal(most, 5);
  assert.equal(mostForKey, 2);
});

test("who waits too long at a gate, or finds too many waiting, is turned away", async () => {
  const gate = new Gate({ inAll: 1, forKey: 1, waiting: 1 });
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = gate.pass("a", undefined, () => promise);
  const patience = new AbortController();
  const second = gate.pass("a", patience.signal, async () => "second");
  assert.equal(await gate.pass("b", undefined, async () => "third"), undefined);
  patience.abort();
  assert.equal(await second, undefined);
  resolve("first");
  assert.equal(await first, "first");
  assert.equal(await gate.pass("b", undefined, async () => "fourth"), "fourth");
});

test("work that throws leaves the gate", async () => {
  const gate = new Gate({ inAll: 1, forKey: 1, waiting: 0 });
  await assert.rejects(() => gate.pass("a", undefined, () => Promise.reject(new Error("x"))));
  assert.equal(await gate.pass("a", undefined, async () => 1), 1);
});

test("five failures in a row open the breaker for a minute, then one try decides", () => {
  let now = fromUnixMs(0);
  const breaker = new Breaker({ now: () => now });
  for (let failure = 0; failure < 4; failure += 1) breaker.record("a", false);
  breaker.record("a", true);
  for (let failure = 0; failure < 4; failure += 1) breaker.record("a", false);
  assert.equal(breaker.isOpen("a"), false);
  breaker.record("a", false);
  assert.equal(breaker.isOpen("a"), true);
  assert.equal(breaker.isOpen("b"), false);
  now = after(now, MINUTE);
  assert.equal(breaker.isOpen("a"), false);
  breaker.record("a", false);
  assert.equal(breaker.isOpen("a"), true);
  now = after(now, MINUTE);
  breaker.record("a", true);
  breaker.record("a", false);
  assert.equal(breaker.isOpen("a"), false);
});

test("a budget is per network and in all, and fills up again", () => {
  let now = fromUnixMs(0);
  const mayAsk = networkBudget(
    { now: () => now },
    { inAll: { perSecond: 10, burst: 5 }, perNetwork: { perSecond: 1, burst: 2 } },
  );
  const asked = (addresses: string) => addresses.split(" ").map(mayAsk);
  assert.deepEqual(asked("1.1.1.1 1.1.1.2 1.1.1.3"), [true, true, false]);
  assert.deepEqual(asked("2.1.1.1 3.1.1.1 4.1.1.1 5.1.1.1"), [true, true, true, false]);
  now = after(now, 1000);
  assert.deepEqual(asked("1.1.1.1 1.1.1.1"), [true, false]);
});
