/** The latest time seen: who moves it, and that a clock that was set back is named as the cause. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../test/support/engines.ts";
import { after, DAY, fromUnixMs, MINUTE, type Clock } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { readLatestTime, resetLatestTime } from "../store/discovery/clock-seen.ts";
import type { Store } from "../store/store.ts";
import { makeDiscover } from "./discovery.ts";
import { steadyClock } from "./steady-clock.ts";
import { clockTrouble, timeKeeper } from "./time-seen.ts";

const now = fromUnixMs(1_795_000_000_000);
const at = (date: Date): Clock => ({ now: () => date });
const dave = parseAddress("dave@far.test") ?? assert.fail();

/** What a look-up says while the DNS gives no answer. */
async function unreachable(store: Store, clock: Clock, isServing: boolean): Promise<string> {
  const silent = async () =>
    Promise.resolve({ kind: "indeterminate", reason: "no answer", ede: [] } as const);
  const { discover } = makeDiscover({
    store,
    clock,
    isServing,
    resolver: { srv: silent, addresses: silent },
    get: async () => Promise.reject(new Error("nobody is asked")),
    isLocal: () => false,
    local: async () => Promise.resolve(undefined),
    random: () => 0.5,
    monotonicMs: () => 0,
  });
  const found = await discover(dave);
  return found.kind === "unreachable" ? found.reason : assert.fail(found.kind);
}

for (const { engine, open } of engines()) {
  test(`${engine}: a command with a wrong clock moves nobody's time`, async () => {
    await using store = await open();
    await timeKeeper(store, steadyClock(at(now)), true)();
    await timeKeeper(store, steadyClock(at(after(now, 400 * DAY))), false)();
    assert.deepEqual(await readLatestTime(store), now);
    const later = after(now, 10 * MINUTE);
    await timeKeeper(store, steadyClock(at(later)), true)();
    assert.deepEqual(await readLatestTime(store), later);
  });

  test(`${engine}: a command goes on from the time that the gateway saw`, async () => {
    await using store = await open();
    await timeKeeper(store, steadyClock(at(now)), true)();
    const behind = steadyClock(at(after(now, -DAY)));
    await timeKeeper(store, behind, false)();
    assert(behind.now() >= now);
  });

  test(`${engine}: a look-up that fails while the clock is set back names the clock`, async () => {
    await using store = await open();
    await timeKeeper(store, steadyClock(at(now)), true)();
    for (const isServing of [true, false]) {
      assert.match(
        await unreachable(store, at(after(now, -DAY)), isServing),
        /^the clock of this host says .*: it was set back, or was ahead then; .*no answer/,
      );
      assert.doesNotMatch(await unreachable(store, at(after(now, -MINUTE)), isServing), /clock/);
    }
  });

  test(`${engine}: after a clock that was ahead an operator makes now the latest time`, async () => {
    await using store = await open();
    await timeKeeper(store, steadyClock(at(after(now, 400 * DAY))), true)();
    assert.match(clockTrouble(at(now), (await readLatestTime(store)) ?? now) ?? "", /was ahead/);
    await resetLatestTime(store, now);
    assert.equal(clockTrouble(at(now), (await readLatestTime(store)) ?? now), undefined);
  });
}
