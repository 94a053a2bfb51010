/** What a look-up comes to, how long it is remembered, and what stays in the cache. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ABSENT,
  DOWN,
  INSECURE,
  SECURE,
  SILENT,
  UNPROVEN,
  bob,
  http,
  key,
  makeCertificates,
  setUp,
} from "../../test/support/discovery-world.ts";
import { ExpiringMap } from "../base/expiring-map.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../base/time.ts";
import { certificateWorkHere } from "../openpgp/openpgp.ts";
import { readCache } from "../store/discovery/cache.ts";
import type { LookUpContext } from "./context.ts";
import { continuityOf } from "./continuity.ts";
import { askNetwork, lookUp, rememberedFailure, rememberFailure } from "./look-up.ts";

const certificates = await makeCertificates();

async function makeContext() {
  const made = await setUp(certificates.bobs);
  const { clock, store, deps } = made;
  const remembered: LookUpContext["remembered"] = new ExpiringMap(100, clock.now);
  const continuity = continuityOf({ store, clock });
  const work = certificateWorkHere;
  return { ...made, context: { ...deps, work, wall: clock, remembered, continuity } };
}

const OUTGOING = { isForIncoming: false };

test("a look-up may take fifteen seconds", async (t) => {
  const { context } = await makeContext();
  const limit = t.mock.method(AbortSignal, "timeout");
  await askNetwork(context, bob, OUTGOING);
  assert.deepEqual(limit.mock.calls[0]?.arguments, [15 * SECOND]);
});

test("what each answer is and how long it counts", async () => {
  const { context, world } = await makeContext();
  const asked = async () => {
    const { discovery, lifeMs, freshMs, served } = await askNetwork(context, bob, OUTGOING);
    return [discovery.kind, discovery.code, lifeMs, freshMs, served.length];
  };
  const { bobs, evas, revoked } = certificates;
  const noStore = { "cache-control": "no-store" };
  const minute = { "cache-control": "max-age=60" };
  for (const [answer, expected] of [
    [key(bobs), ["found", "OK", 0, DAY, 1]],
    [key(evas), ["unreachable", "BADKEY", 15 * MINUTE, DAY, 1]],
    [key(revoked), ["absent", "BADKEY", 15 * MINUTE, DAY, 1]],
    [http(404), ["absent", "NOKEY", 15 * MINUTE, DAY, 0]],
    [http(404, "", minute), ["absent", "NOKEY", MINUTE, MINUTE, 0]],
    [http(404, "", noStore), ["absent", "NOKEY", 0, 0, 0]],
    [http(500, "", minute), ["unreachable", "UNSURE-KS", MINUTE, 0, 0]],
    [DOWN, ["unreachable", "UNSURE-KS", MINUTE, 0, 0]],
  ] as const) {
    world.get = async () => Promise.resolve(answer);
    assert.deepEqual(await asked(), expected);
  }
  for (const [srv, expected] of [
    [SILENT, ["unreachable", "UNSURE-DNS", 0, 5 * MINUTE, 0]],
    [ABSENT, ["absent", "NOSVC", 0, 5 * MINUTE, 0]],
    [INSECURE, ["absent", "INSEC", 0, 5 * MINUTE, 0]],
  ] as const) {
    world.srv = srv;
    assert.deepEqual(await asked(), expected);
  }
});

test("a keyserver is named as evidence only where one was asked", async () => {
  const { context, world } = await makeContext();
  const named = async () => (await lookUp(context, bob)).evidence.keyserver;
  const [record] = SECURE.records;
  assert(record !== undefined);
  world.srv = { ...SECURE, records: [{ ...record, port: 0 }] };
  assert.equal(await named(), undefined);
  context.remembered.delete("out bob@beta.test");
  world.srv = SECURE;
  assert.equal(await named(), "keys.beta.test:443");
});

test("a key stays in the cache unless its domain proves that it serves it no longer", async () => {
  for (const [srv, answer, isKept] of [
    [UNPROVEN, undefined, true],
    [SILENT, undefined, true],
    [SECURE, DOWN, true],
    [ABSENT, undefined, false],
    [SECURE, http(404), false],
    [SECURE, key(certificates.revoked), false],
  ] as const) {
    const { context, world, store, clock } = await makeContext();
    // The domain is not one that is known for its service, so that an unproven answer is believed.
    const believing = { ...context, continuity: async () => Promise.resolve(true) };
    await askNetwork(believing, bob, OUTGOING);
    clock.advance(DAY + HOUR);
    world.srv = srv;
    if (answer !== undefined) world.get = async () => Promise.resolve(answer);
    await lookUp(believing, bob);
    const again = await lookUp(believing, bob);
    if (isKept && srv !== UNPROVEN) {
      assert.equal(again.code, "OK-CACHE");
      assert.match(again.evidence.detail ?? "", /^not checked again: /);
    }
    const kept = await readCache(store, bob, clock.now());
    assert.equal(kept !== undefined, isKept, srv.kind);
  }
});

test("a fresh key from the cache says nothing of a check that failed", async () => {
  const { context } = await makeContext();
  await lookUp(context, bob);
  const { code, evidence } = await lookUp(context, bob);
  assert.equal(code, "OK-CACHE");
  assert.equal(Object.hasOwn(evidence, "detail"), false);
});

test("mail that comes in asks nobody again who has just given no answer", async () => {
  const { context, world, clock } = await makeContext();
  const askedBy = async () => askNetwork(context, bob, { isForIncoming: true });
  world.get = async () => Promise.resolve(http(404));
  rememberFailure(context, bob, await askedBy());
  assert.equal(rememberedFailure(context, bob), undefined);
  world.get = async () => Promise.resolve(DOWN);
  rememberFailure(context, bob, await askedBy());
  assert.equal(rememberedFailure(context, bob), "connection refused");
  clock.advance(MINUTE);
  assert.equal(rememberedFailure(context, bob), undefined);
});
