import assert from "node:assert/strict";
import { test } from "node:test";

import { HOUR, MINUTE, SECOND, after, fromUnixMs } from "../base/time.ts";
import { cachingResolver } from "./answer-cache.ts";
import type { DnsAnswer, SrvRecord } from "./dns.ts";

const record = { priority: 0, weight: 0, port: 443, target: "keys.alpha.test" };
const day = 86_400;
const secure: DnsAnswer<SrvRecord> = {
  kind: "answer",
  records: [record],
  dnssec: "secure",
  ttlSeconds: day,
  ede: [],
};
const cases: readonly [name: string, answer: DnsAnswer<SrvRecord>, lifeMs: number][] = [
  ["a proven record is remembered for an hour at most", secure, HOUR],
  ["a record is remembered no longer than its TTL", { ...secure, ttlSeconds: 7 }, 7 * SECOND],
  [
    "an unproven record is remembered for 15 minutes",
    { ...secure, dnssec: "insecure" },
    15 * MINUTE,
  ],
  [
    "an absence is remembered for 15 minutes at most",
    { kind: "empty", dnssec: "secure", ttlSeconds: day, ede: [] },
    15 * MINUTE,
  ],
  [
    "no answer is remembered for 30 seconds",
    { kind: "indeterminate", reason: "SERVFAIL", ede: [] },
    30 * SECOND,
  ],
];

for (const [name, answer, lifeMs] of cases) {
  test(name, async () => {
    let now = fromUnixMs(0);
    let asked = 0;
    const srv = async () => {
      asked += 1;
      return answer;
    };
    const addresses = async () => ({ kind: "indeterminate", reason: "", ede: [] }) as const;
    const resolver = cachingResolver({ srv, addresses }, { now: () => now });
    assert.deepEqual(await resolver.srv("x"), answer);
    now = after(now, lifeMs - 1);
    await resolver.srv("x");
    assert.equal(asked, 1);
    now = after(now, 1);
    await resolver.srv("x");
    assert.equal(asked, 2);
  });
}
