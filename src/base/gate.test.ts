import assert from "node:assert/strict";
import { test } from "node:test";

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

test("keys take turns, however many wait for one of them", async () => {
  const gate = new Gate({ inAll: 1, forKey: 1, waiting: 100 });
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const order: string[] = [];
  const visit = (key: string) => gate.pass(key, undefined, async () => order.push(key));
  const first = gate.pass("flood", undefined, () => promise);
  const floods = Array.from({ length: 5 }, () => visit("flood"));
  const others = [visit("anna"), visit("bob")];
  resolve(undefined);
  await Promise.all([first, ...floods, ...others]);
  assert.deepEqual(order, ["flood", "anna", "bob", "flood", "flood", "flood", "flood"]);
});

test("when too many wait, the last of the longest queue is turned away for somebody else", async () => {
  const gate = new Gate({ inAll: 1, forKey: 1, waiting: 3 });
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const visit = (key: string) => gate.pass(key, undefined, async () => Promise.resolve(key));
  const first = gate.pass("flood", undefined, () => promise);
  const floods = [visit("flood"), visit("flood"), visit("flood")];
  const anna = visit("anna");
  assert.equal(await floods[2], undefined);
  assert.equal(await visit("flood"), undefined);
  resolve(undefined);
  await first;
  assert.deepEqual(await Promise.all([...floods, anna]), ["flood", "flood", undefined, "anna"]);
});
