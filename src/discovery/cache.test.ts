import assert from "node:assert/strict";

import { armoredText } from "../../test/support/armored-text.ts";
import {
  ABSENT,
  DOWN,
  INSECURE,
  SECURE,
  SILENT,
  UNPROVEN,
  type World,
  address,
  bob,
  http,
  key,
  makeCertificates,
  setUp,
  start,
} from "../../test/support/discovery-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { listCache } from "../../test/support/stored-rows.ts";
import { DAY, HOUR, MINUTE, SECOND, after } from "../base/time.ts";
import type { GetResult } from "../fetch/request.ts";
import { readContinuity } from "../store/discovery/cache.ts";
import { makeDiscover } from "./discovery.ts";

const onBoth = testOnBoth();

const { bobs, evas, expired, revoked } = await makeCertificates();

onBoth(
  "a cached certificate is used for a day, then asked for again, and for a week when nobody answers",
  async (open) => {
    const { discover, purge, clock, store, world, requests, deps } = await setUp(bobs, open);
    await discover(bob);
    world.srv = SILENT;
    world.get = async () => DOWN;
    const at = async (ms: number) => {
      clock.set(after(start, ms));
      return (await discover(bob)).code;
    };
    assert.equal(await at(DAY - SECOND), "OK-CACHE");
    world.srv = SECURE;
    assert.equal(requests.length, 1);
    assert.equal(await at(DAY), "OK-CACHE");
    assert.equal(requests.length, 2, "it revalidates");
    assert.equal(await at(7 * DAY - SECOND), "OK-CACHE");
    assert.equal((await listCache(store)).length, 1);
    assert.equal(await at(7 * DAY), "UNSURE-KS");
    assert.equal((await listCache(store)).length, 0, "the row is gone");
    await purge();
    const restarted = makeDiscover(deps);
    clock.set(after(start, 6 * DAY));
    assert.equal((await restarted.discover(bob)).code, "UNSURE-KS");
  },
);

onBoth("setting the clock back makes no cached certificate younger", async (open) => {
  const { discover, purge, clock, store, world } = await setUp(bobs, open);
  await discover(bob);
  world.get = async () => DOWN;
  clock.advance(7 * DAY - SECOND);
  assert.equal((await discover(bob)).code, "OK-CACHE");
  clock.advance(2 * SECOND);
  await purge();
  clock.advance(-DAY);
  assert.equal((await discover(bob)).code, "UNSURE-KS");
  assert.equal((await listCache(store)).length, 0);
});

onBoth("a purge deletes a week-old row that nobody asks for", async (open) => {
  const { discover, purge, clock, store } = await setUp(bobs, open);
  await discover(bob);
  clock.advance(7 * DAY);
  assert.equal(await purge(), 1);
  assert.equal((await listCache(store)).length, 0);
});

const FRESHNESS: readonly [header: string, freshMs: number][] = [
  ["max-age=300", 300 * SECOND],
  ["public, Max-Age=60", MINUTE],
  ["max-age=9999999", DAY],
  ["max-age=x", DAY],
  ["no-cache", 0],
];

for (const [header, freshMs] of FRESHNESS) {
  onBoth(
    `Cache-Control: ${header} keeps a certificate fresh for ${freshMs / SECOND} s`,
    async (open) => {
      const { discover, store, world } = await setUp(bobs, open);
      world.get = async () => http(200, armoredText(bobs), { "cache-control": header });
      await discover(bob);
      const [row] = await listCache(store);
      assert(row !== undefined);
      assert.equal(row.freshUntil.getTime() - row.fetchedAt.getTime(), freshMs);
    },
  );
}

onBoth("no-store keeps nothing, and what was kept before goes", async (open) => {
  const { discover, clock, store, world } = await setUp(bobs, open);
  await discover(bob);
  clock.advance(DAY);
  world.get = async () => http(200, armoredText(bobs), { "cache-control": "no-store" });
  assert.equal((await discover(bob)).code, "OK");
  assert.equal((await listCache(store)).length, 0);
});

const REFUTING: readonly [what: string, change: (world: World) => void, code: string][] = [
  ["a proven absence", (world) => (world.srv = ABSENT), "NOSVC"],
  ["no key", (world) => (world.get = async () => http(404)), "NOKEY"],
  ["a revoked key", (world) => (world.get = async () => key(revoked)), "BADKEY"],
  ["somebody else's key", (world) => (world.get = async () => key(evas)), "BADKEY"],
];

for (const [what, change, code] of REFUTING) {
  onBoth(`${what} deletes what was cached, and no older key is used`, async (open) => {
    const { discover, clock, store, world } = await setUp(bobs, open);
    await discover(bob);
    clock.advance(DAY);
    change(world);
    assert.equal((await discover(bob)).code, code);
    assert.equal((await listCache(store)).length, 0);
    assert.equal((await discover(bob)).code, code);
  });
}

const NEGATIVE: readonly [what: string, answer: () => GetResult, code: string, lifeMs: number][] = [
  ["no key", () => http(404), "NOKEY", 15 * MINUTE],
  [
    "no key, with max-age=60",
    () => http(404, "", { "cache-control": "max-age=60" }),
    "NOKEY",
    MINUTE,
  ],
  ["an unusable key", () => key(expired), "BADKEY", 15 * MINUTE],
  ["a failing keyserver", () => DOWN, "UNSURE-KS", MINUTE],
];

for (const [what, answer, code, lifeMs] of NEGATIVE) {
  onBoth(`${what} is remembered for ${lifeMs / MINUTE} min`, async (open) => {
    const { discover, clock, world } = await setUp(bobs, open);
    world.get = async () => answer();
    assert.equal((await discover(bob)).code, code);
    world.get = async () => key(bobs);
    clock.advance(lifeMs - SECOND);
    assert.equal((await discover(bob)).code, code);
    clock.advance(SECOND);
    assert.equal((await discover(bob)).code, "OK");
  });
}

onBoth("what incoming mail could not ask does not keep users from asking", async (open) => {
  const { discover, askAuthor, world, requests } = await setUp(bobs, open);
  world.get = async ({ isForIncoming }) => (isForIncoming === true ? DOWN : key(bobs));
  assert.equal((await askAuthor(bob, start)).kind, "unreachable");
  assert.equal((await discover(bob)).code, "OK");
  assert.deepEqual(
    requests.map(({ isForIncoming }) => isForIncoming),
    [true, false],
  );
});

for (const [what, srv, code] of [
  ["an absence", UNPROVEN, "NOSVC"],
  ["a record", INSECURE, "INSEC"],
] as const) {
  onBoth(
    `${what} without proof is disbelieved for a day when the domain had a proven service`,
    async (open) => {
      const { discover, clock, store, world } = await setUp(bobs, open);
      await discover(bob);
      const bea = address("bea@beta.test");
      clock.advance(20 * DAY);
      world.srv = srv;
      assert.equal((await discover(bea)).code, "UNSURE-DNS");
      clock.advance(DAY - MINUTE);
      assert.equal((await discover(bea)).code, "UNSURE-DNS");
      clock.advance(MINUTE);
      assert.equal((await discover(bea)).code, code);
      assert.equal((await readContinuity(store, bea.domain))?.getTime(), 0);
    },
  );
}

onBoth(
  "while a domain's sudden silence is disbelieved, a cached certificate is used",
  async (open) => {
    const { discover, clock, world } = await setUp(bobs, open);
    await discover(bob);
    clock.advance(2 * DAY);
    world.srv = UNPROVEN;
    assert.equal((await discover(bob)).code, "OK-CACHE");
  },
);

onBoth(
  "a proven absence is believed at once, and a service of long ago is forgotten",
  async (open) => {
    const { discover, clock, world } = await setUp(bobs, open);
    await discover(bob);
    world.srv = ABSENT;
    clock.advance(DAY);
    const bea = address("bea@beta.test");
    assert.equal((await discover(bea)).code, "NOSVC");
    world.srv = INSECURE;
    assert.equal((await discover(bea)).code, "INSEC");
    world.srv = SECURE;
    world.get = async () => http(404);
    await discover(bob);
    clock.advance(30 * DAY + HOUR);
    world.srv = UNPROVEN;
    assert.equal((await discover(bea)).code, "NOSVC");
  },
);
