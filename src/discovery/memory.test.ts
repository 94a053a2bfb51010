import assert from "node:assert/strict";
import { test } from "node:test";

import {
  DOWN,
  bob,
  http,
  key,
  makeCertificates,
  setUp,
  start,
} from "../../test/support/discovery-world.ts";
import { engines } from "../../test/support/engines.ts";
import { DAY, HOUR, MINUTE, after, fromUnixMs } from "../base/time.ts";
import { keepLatestTime } from "../store/discovery/clock-seen.ts";
import { readRevocation, rememberRevocation } from "../store/discovery/revocations-seen.ts";
import { makeDiscover } from "./discovery.ts";

const { bobs, revoked } = await makeCertificates();

test("a clock set back over a restart makes no cached certificate younger", async () => {
  const { discover, purge, clock, deps, world } = await setUp(bobs);
  await discover(bob);
  world.get = async () => DOWN;
  clock.advance(7 * DAY - MINUTE);
  assert.equal((await discover(bob)).code, "OK-CACHE");
  clock.advance(MINUTE);
  await purge();
  world.get = async () => key(bobs);
  await discover(bob);
  clock.advance(7 * DAY);
  await makeDiscover(deps).knownAuthorKey(bob, bobs.fingerprint, clock.now());
  clock.advance(-DAY);
  world.get = async () => DOWN;
  const restarted = makeDiscover(deps);
  assert.equal((await restarted.discover(bob)).code, "UNSURE-KS");
});

test("a key that was revoked once is not used without its revocation, after a restart either", async () => {
  const { discover, clock, deps, store, world } = await setUp(bobs);
  const rolledBack: string[] = [];
  await discover(bob);
  world.get = async () => key(revoked);
  clock.advance(DAY + HOUR);
  assert.equal((await discover(bob)).code, "BADKEY");
  world.get = async () => key(bobs);
  clock.advance(20 * DAY);
  const restarted = makeDiscover({
    ...deps,
    onRollback: (fingerprint, domain) => rolledBack.push(`${fingerprint} ${domain}`),
  });
  const again = await restarted.discover(bob);
  assert.equal(again.kind, "absent");
  assert(again.code === "BADKEY" && again.reason === "revoked");
  assert.deepEqual(rolledBack, [`${bobs.fingerprint} beta.test`]);
  assert.equal((await readRevocation(store, bobs.fingerprint))?.reason, 2);
});

test("what is cached is not used once its revocation was seen", async () => {
  const { discover, askAuthorKey, world, store } = await setUp(bobs);
  await discover(bob);
  world.get = async () => key(revoked);
  await askAuthorKey(bob, bobs.fingerprint, start);
  assert((await readRevocation(store, bobs.fingerprint)) !== undefined);
  world.get = async () => http(404);
  assert.equal((await discover(bob)).code, "NOKEY");
});

for (const { engine, open } of engines()) {
  test(`${engine}: the latest time is kept, and of revocations the hard one`, async () => {
    await using store = await open();
    assert.deepEqual(await keepLatestTime(store, start), start);
    assert.deepEqual(await keepLatestTime(store, after(start, -DAY)), start);
    assert.deepEqual(await keepLatestTime(store, after(start, 1)), after(start, 1));
    const { fingerprint } = bobs;
    const isHard = (reason: number) => reason === 2;
    for (const [reason, kept] of [
      [1, 1],
      [3, 1],
      [2, 2],
      [1, 2],
    ] as const) {
      await rememberRevocation(store, { fingerprint, reason, at: fromUnixMs(reason) }, isHard);
      assert.equal((await readRevocation(store, fingerprint))?.reason, kept);
    }
  });
}
