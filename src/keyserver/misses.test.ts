import assert from "node:assert/strict";
import { test } from "node:test";

import { HOUR, after, fromUnixMs } from "../base/time.ts";
import { missBudget, PEER } from "./misses.ts";

const NOW = fromUnixMs(0);
const LIMITS = { addressMissesPerMinute: 60, peerMissesPerMinute: 6000 };

/** How many misses a network may have at once: twice what it may in a minute. */
function room(budget: ReturnType<typeof missBudget>, network: string, now = NOW): number {
  let count = 0;
  while (budget.take(network, now).kind === "open") count += 1;
  return count;
}

test("whoever finds addresses may miss ten more for each, for an hour", () => {
  const budget = missBudget(LIMITS);
  for (let count = 0; count < 5; count += 1) budget.found("a", `p${String(count)}`, NOW);
  assert.equal(room(budget, "a"), 2 * 110);
  assert.equal(room(budget, "b"), 2 * 60);
  assert.equal(room(budget, "a", after(NOW, HOUR)), 2 * 60);
});

test("one known address, asked for again and again, buys no guesses", () => {
  const budget = missBudget(LIMITS);
  for (let count = 0; count < 1000; count += 1) budget.found("a", "known", NOW);
  assert.equal(room(budget, "a"), 2 * 70);
});

test("nobody gets more than a peer, and peers need no hits", () => {
  const budget = missBudget({ addressMissesPerMinute: 60, peerMissesPerMinute: 100 });
  for (let count = 0; count < 1000; count += 1) budget.found("a", `p${String(count)}`, NOW);
  assert.equal(room(budget, "a"), 2 * 100);
  assert.equal(room(budget, `${PEER}b`), 2 * 100);
});
