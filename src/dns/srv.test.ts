import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import type { SrvRecord } from "./dns.ts";
import { orderTargets, usableTargets } from "./srv.ts";

const DRAWS = 10_000;

const srv = (priority: number, weight: number, target: string, port = 443): SrvRecord => ({
  priority,
  weight,
  port,
  target,
});

/** Numbers in [0, 1) that are the same in every run. */
function pseudoRandom(): () => number {
  let state = 42;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function shareOfFirst(records: readonly SrvRecord[]): Record<string, number> {
  const random = pseudoRandom();
  const counts: Record<string, number> = {};
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const first = orderTargets(records, random)[0]?.target ?? "";
    counts[first] = (counts[first] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / DRAWS]));
}

const near = (value: number | undefined, expected: number) =>
  value !== undefined && Math.abs(value - expected) <= 0.03;

test("of 10,000 draws weights 60 and 40 come first in that share, a later priority never", () => {
  const records = [srv(20, 0, "c.test"), srv(10, 60, "a.test"), srv(10, 40, "b.test")];
  const share = shareOfFirst(records);
  assert(near(share["a.test"], 0.6) && near(share["b.test"], 0.4), JSON.stringify(share));
  assert.equal(share["c.test"], undefined);
  assert.equal(orderTargets(records, pseudoRandom()).at(-1)?.target, "c.test");
});

test("records that all have weight 0 come first equally often", () => {
  const share = shareOfFirst(["a", "b", "c", "d"].map((name) => srv(1, 0, name)));
  assert(
    ["a", "b", "c", "d"].every((name) => near(share[name], 0.25)),
    JSON.stringify(share),
  );
});

test("a record of weight 0 beside others has a very small chance", () => {
  const share = shareOfFirst([srv(1, 99, "big"), srv(1, 0, "none")]);
  assert((share["none"] ?? 0) < 0.03 && (share["none"] ?? 0) > 0);
});

test("ordering keeps every record, in ascending priority", () => {
  const record = fc.record({
    priority: fc.integer({ min: 0, max: 3 }),
    weight: fc.integer({ min: 0, max: 65_535 }),
    port: fc.constant(443),
    target: fc.constantFrom("a.test", "b.test"),
  });
  const below1 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 25 }), below1, (records, number) => {
      const ordered = orderTargets(records, () => number);
      assert.deepEqual(new Set(ordered), new Set(records));
      assert.equal(ordered.length, records.length);
      const priorities = ordered.map(({ priority }) => priority);
      assert.deepEqual(
        priorities,
        priorities.toSorted((a, b) => a - b),
      );
    }),
  );
});

test("only records that name a host and a port are used", () => {
  const bad = [
    srv(0, 0, "."),
    srv(0, 0, "keys.alpha.test", 0),
    srv(0, 0, "127.0.0.1"),
    srv(0, 0, "::1"),
    srv(0, 0, "2130706433"),
    srv(0, 0, "localhost"),
    srv(0, 0, "keys.0x7f"),
    srv(0, 0, "-keys.alpha.test"),
    srv(0, 0, "ke_ys.alpha.test"),
    srv(0, 0, "keys..test"),
    srv(0, 0, "keys.alpha.test/x"),
    srv(0, 0, "keys.alpha.test\n"),
    srv(0, 0, `${"a".repeat(64)}.test`),
    srv(0, 0, `${"abcdefgh.".repeat(30)}test`),
  ];
  const good = srv(0, 0, "keys1.alpha-x.xn--bcher-kva.test");
  assert.deepEqual(usableTargets([...bad, good]), [good]);
});
