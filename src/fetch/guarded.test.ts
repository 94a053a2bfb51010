import assert from "node:assert/strict";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { HOUR, MINUTE, SECOND, after, fromUnixMs } from "../base/time.ts";
import { Breaker } from "./breaker.ts";
import { networkBudget } from "./budget.ts";
import { inLanes } from "./guarded.ts";
import type { GetRequest, GetResult } from "./request.ts";

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

/** A `get` whose answers a test decides, in both lanes. */
function lanes(answer: (request: GetRequest) => Promise<GetResult>) {
  const clock = fakeClock();
  const get = inLanes(answer, clock);
  const ask = (host: string, isForIncoming: boolean) =>
    get({ host, port: 443, path: "/", accept: "*/*", isForIncoming });
  return { clock, ask };
}

const DOWN: GetResult = { kind: "failed", reason: "connection refused" };
const reasonOf = (result: GetResult): string =>
  result.kind === "failed" ? result.reason : String(result.status);

test("a host that fails for what incoming mail asks is still asked for users", async () => {
  let sent = 0;
  const { ask } = lanes(async () => {
    sent += 1;
    return Promise.resolve(DOWN);
  });
  for (let count = 0; count < 7; count += 1) await ask("keys.alpha.test", true);
  assert.equal(sent, 5);
  assert.equal(reasonOf(await ask("keys.alpha.test", true)), "the host keeps failing");
  assert.equal(reasonOf(await ask("keys.alpha.test", false)), "connection refused");
});

test("a host that answers slowly holds up no other, and no user", async () => {
  const { promise: late, resolve } = Promise.withResolvers<GetResult>();
  const { ask } = lanes(async ({ host }) => (host === "slow.test" ? late : DOWN));
  const waiting = Array.from({ length: 100 }, () => ask("slow.test", true));
  assert.equal(reasonOf(await ask("other.test", true)), "connection refused");
  assert.equal(reasonOf(await ask("other.test", false)), "connection refused");
  resolve(DOWN);
  await Promise.all(waiting);
});

test("a host that asks for a pause gets one, and has not failed", async () => {
  const answer: { now: GetResult } = { now: DOWN };
  const { ask, clock } = lanes(async () => Promise.resolve(answer.now));
  const status = (code: number, retryAfter?: string): GetResult => ({
    kind: "response",
    status: code,
    headers: new Map(retryAfter === undefined ? [] : [["retry-after", retryAfter]]),
    body: new Uint8Array(),
  });
  for (const [textAt, pauseMs] of [
    [() => "30", 30 * SECOND],
    [(now: Date) => after(now, 30 * SECOND).toUTCString(), 30 * SECOND],
    [() => "999999", HOUR],
    [() => "soon", 0],
    [() => undefined, 0],
  ] as const) {
    answer.now = status(429, textAt(clock.now()));
    for (const _time of [1, 2, 3, 4, 5, 6]) {
      assert.match(reasonOf(await ask("keys.alpha.test", false)), /^(?:429|the host asked)/);
    }
    answer.now = status(404);
    if (pauseMs > 0) {
      clock.set(after(clock.now(), pauseMs - SECOND));
      assert.equal(reasonOf(await ask("keys.alpha.test", false)), "the host asked for a pause");
      clock.advance(SECOND);
    }
    assert.equal(reasonOf(await ask("keys.alpha.test", false)), "404");
  }
});
