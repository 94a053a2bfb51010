/** What the figures say, and that they name nobody. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { enrol, haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { depsFor } from "../../test/support/key-life.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { after, DAY, fromUnixMs, HOUR, MINUTE } from "../base/time.ts";
import { locked } from "../incoming/verdicts.ts";
import { toKeep } from "../outgoing/copy.ts";
import { keepForLater } from "../outgoing/outbox.ts";
import { findPublished } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { openMetrics, type Metrics, type Sources } from "./metrics.ts";

const bob = addressOf("bob@beta.test");

function sourcesOf(store: Store, changes: Partial<Sources> = {}): Sources {
  return {
    store,
    clock: fakeClock(),
    testResolver: async () => Promise.resolve(true),
    pool: { figures: () => ({ workers: 2, running: 1, waiting: 3 }) },
    hops: async () => Promise.resolve([{ hop: "127.0.0.1:25", why: undefined }]),
    isDatabaseGood: async () => Promise.resolve(true),
    certificateEnds: () => fromUnixMs(1_800_000_000_000),
    connections: () => ({ mx: 4 }),
    ...changes,
  };
}

/** The value of each of Sealpost's own series. */
async function read(metrics: Metrics): Promise<ReadonlyMap<string, number>> {
  const { type, text } = await metrics.page();
  assert.match(type, /^text\/plain; version=0\.0\.4/);
  return new Map(
    [...text.matchAll(/^sealpost_([^ ]+) (\S+)$/gm)].map(([, name = "", value]) => [
      name,
      Number(value),
    ]),
  );
}

for (const { engine, open } of engines()) {
  test(`${engine}: queues are counted with the age of their oldest, and keys that end soon`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const { clock } = deps;
    const metrics = openMetrics(() => 0);
    metrics.watch(sourcesOf(store, { clock }));
    await haveAccounts(store, bob);
    for (const age of [3 * HOUR, MINUTE]) {
      const at = after(clock.now(), -age);
      await haveWaiting(store, {
        account: idOf(bob),
        body: Buffer.from(String(age)),
        form: "sealed",
        verdict: locked(at),
        receivedAt: at,
        sizeBytes: 1,
        outerFrom: "",
      });
    }
    const wrap = async () => Promise.resolve({ wrapped: new Uint8Array(1), serviceKey: "k" });
    const envelope = { from: bob, recipients: [bob] };
    await keepForLater(
      { store, clock, wrap },
      { account: idOf(bob), address: bob },
      "<1@beta.test>",
      [toKeep({ envelope, message: new Uint8Array(1) })],
    );
    const rosa = addressOf("rosa@alpha.test");
    await enrol(deps, {
      address: rosa,
      custody: "provider-usable",
      profile: "compat",
      password: undefined,
    });
    const ends = (await findPublished(store, rosa))?.expiresAt;
    assert(ends);
    clock.advance(ends.getTime() - clock.now().getTime() - 10 * DAY);
    const figures = await read(metrics);
    const age = figures.get('queue_oldest_seconds{queue="pending"}') ?? 0;
    assert(age > 3 * 3600);
    assert((figures.get('queue_oldest_seconds{queue="outbox"}') ?? 0) > 0);
    assert.deepEqual(
      ["pending", "outbox"].map((queue) => figures.get(`queue_messages{queue="${queue}"}`)),
      [2, 1],
    );
    assert.deepEqual(
      [3, 14, 30].map((days) => figures.get(`keys_ending{days="${days}"}`)),
      [0, 1, 1],
    );
    const { text } = await metrics.page();
    assert(!text.includes("@") && !text.includes("beta.test"), "no address is in the figures");
  });
}

test("each decision, look-up, opening and answer counts once", async () => {
  const [sqlite] = engines();
  await using store = await (sqlite ?? assert.fail()).open();
  const metrics = openMetrics(() => 0);
  metrics.watch(sourcesOf(store));
  const { meter } = metrics;
  meter.lookedUp("NOKEY");
  meter.lookedUp("NOKEY");
  meter.planned("seal", "full");
  meter.planned("later", "full");
  meter.handedOn("refused");
  meter.opened("CONFIDENTIAL");
  meter.opened("DAMAGED");
  meter.judged("CONFIDENTIAL", "verified");
  meter.answered("mx", "rcpt", "unknown-recipient");
  const figures = await read(metrics);
  for (const [name, value] of [
    ['lookups_total{code="NOKEY"}', 2],
    ['submitted_total{outcome="sealed",part="full"}', 1],
    ['submitted_total{outcome="deferred",part="full"}', 1],
    ['submitted_total{outcome="clear",part="full"}', 0],
    ['handed_on_total{outcome="refused"}', 1],
    ['opened_total{outcome="opened"}', 1],
    ['opened_total{outcome="failed"}', 1],
    ['verdicts_total{state="CONFIDENTIAL",signature="verified"}', 1],
    ['answers_total{listener="mx",step="rcpt",reason="unknown-recipient"}', 1],
    ['connections{listener="mx"}', 4],
    ['crypto_pool{what="waiting"}', 3],
    ['next_hop_up{hop="127.0.0.1:25"}', 1],
    ['works{part="database"}', 1],
    ["certificate_end_seconds", 1_800_000_000],
  ] as const) {
    assert.equal(figures.get(name), value, name);
  }
});

test("the documentation has every series, and no other", async () => {
  const page = await readFile(
    join(import.meta.dirname, "../../docs/operate/metrics-and-logs.md"),
    "utf8",
  );
  const [, section = ""] = /\n\| series \|(.*?)\n\n/s.exec(page) ?? [];
  const listed = [...section.matchAll(/`(sealpost_[a-z_]+)`/g)].map(([, name = ""]) => name);
  const [sqlite] = engines();
  await using store = await (sqlite ?? assert.fail()).open();
  const metrics = openMetrics(() => 0);
  metrics.watch(sourcesOf(store));
  const { text } = await metrics.page();
  const made = [...text.matchAll(/^# TYPE (sealpost_[a-z_]+) /gm)].map(([, name = ""]) => name);
  assert.deepEqual(listed.toSorted(), made.toSorted());
});

test("while the database is away the other figures are there", async () => {
  const [sqlite] = engines();
  const store = await (sqlite ?? assert.fail()).open();
  await store[Symbol.asyncDispose]();
  const metrics = openMetrics(() => 0);
  metrics.watch(sourcesOf(store, { isDatabaseGood: async () => Promise.resolve(false) }));
  const figures = await read(metrics);
  assert.equal(figures.get('works{part="database"}'), 0);
  assert.equal(figures.get('queue_messages{queue="pending"}'), undefined);
  assert.equal(figures.get('connections{listener="mx"}'), 4);
});

test("the database is asked once in ten seconds, however many ask", async () => {
  const [sqlite] = engines();
  await using store = await (sqlite ?? assert.fail()).open();
  let [now, asked] = [0, 0];
  const metrics = openMetrics(() => now);
  const isDatabaseGood = async (): Promise<boolean> => {
    asked += 1;
    return Promise.resolve(true);
  };
  metrics.watch(sourcesOf(store, { isDatabaseGood }));
  await Promise.all([metrics.page(), metrics.page(), metrics.page()]);
  assert.equal(asked, 1);
  now = 10_001;
  await metrics.page();
  assert.equal(asked, 2);
});
