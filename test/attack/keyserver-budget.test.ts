/** The budget of misses, on both engines: PostgreSQL answers later, so that many look-ups of one network are under way. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { engines } from "../support/engines.ts";
import { ask, publishKey, sendRaw, startTestKeyserver } from "../support/test-keyserver.ts";

let dir: string;
let pki: Pki;
let issued: IssuedCertificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-budget-"));
  pki = await makePki(dir);
  issued = await pki.issue(["keys.alpha.test"]);
});
after(async () => {
  await rm(dir, { recursive: true });
});

const target = (search: string): string => `/pks/lookup?op=get&search=${search}@alpha.test`;

/** All of them in one write. */
function pipelined(searches: readonly string[]): string {
  const requests = searches.map((one) => `GET ${target(one)} HTTP/1.1\r\nHost: a\r\n`);
  return `${requests.join("\r\n")}Connection: close\r\n\r\n`;
}

function statusesIn(raw: string): readonly string[] {
  return [...raw.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status = ""]) => status);
}

const times = (count: number, status: string): readonly string[] =>
  Array.from({ length: count }, () => status);

for (const { engine, place } of engines()) {
  test(`${engine}: hits that are all under way at once are all answered, on one connection and on many`, async () => {
    await using server = await startTestKeyserver(issued, { database: await place() });
    await publishKey(server.store, "ada@alpha.test");
    // Five times what a network may miss in a burst.
    const { raw } = await sendRaw(server, pki, pipelined(times(600, "ada")));
    assert.deepEqual(statusesIn(raw), times(600, "200"));
    const many = await Promise.all(
      Array.from({ length: 200 }, async () => ask(server, pki, target("ada"))),
    );
    assert.deepEqual(new Set(many.map(({ status }) => status)), new Set([200]));
  });

  test(`${engine}: of guesses that are all under way at once as many are answered as of those one after the other`, async () => {
    const limits = { addressMissesPerMinute: 5, peerMissesPerMinute: 5 };
    await using server = await startTestKeyserver(issued, { database: await place(), limits });
    await publishKey(server.store, "ada@alpha.test");
    const guesses = Array.from({ length: 100 }, (_, at) => `guess${String(at)}`);
    // The last guess is right: that is not to be seen either.
    const { raw } = await sendRaw(server, pki, pipelined([...guesses, "ada"]));
    assert.deepEqual(statusesIn(raw).toSorted(), [...times(10, "404"), ...times(91, "429")]);
    assert.doesNotMatch(raw, /BEGIN PGP/);
    assert.equal((await ask(server, pki, target("ada"))).status, 429);
  });

  test(`${engine}: hits among misses take nothing from the budget of misses`, async () => {
    const limits = { addressMissesPerMinute: 5, peerMissesPerMinute: 5 };
    await using server = await startTestKeyserver(issued, { database: await place(), limits });
    await publishKey(server.store, "ada@alpha.test");
    const mixed = Array.from({ length: 9 }, (_, at) => [`guess${String(at)}`, ...times(40, "ada")]);
    const { raw } = await sendRaw(server, pki, pipelined(mixed.flat()));
    assert.deepEqual(statusesIn(raw).toSorted(), [...times(360, "200"), ...times(9, "404")]);
  });

  test(`${engine}: a network's look-ups are limited whatever comes of them`, async () => {
    const limits = { lookUpsPerMinute: 5 };
    await using server = await startTestKeyserver(issued, { database: await place(), limits });
    await publishKey(server.store, "ada@alpha.test");
    const { raw } = await sendRaw(server, pki, pipelined(times(30, "ada")));
    assert.deepEqual(statusesIn(raw).toSorted(), [...times(10, "200"), ...times(20, "429")]);
  });

  test(`${engine}: misses of both versions for one address are one, and no way to more guesses`, async () => {
    const limits = { addressMissesPerMinute: 5, peerMissesPerMinute: 5 };
    await using server = await startTestKeyserver(issued, { database: await place(), limits });
    await publishKey(server.store, "modern@alpha.test", { profile: "modern" });
    const statusOf = async (path: string) => (await ask(server, pki, path)).status;
    const second = (name: string): string => `/pks/v2/canonical/${name}%40alpha.test`;
    for (let at = 0; at < 20; at += 1) {
      // Version 1 does not give it, and it is no guess.
      assert.equal(await statusOf(target("modern")), 404);
      assert.equal(await statusOf(second("modern")), 200);
    }
    for (let at = 0; at < 10; at += 1) {
      assert.equal(await statusOf(target(`guess${String(at)}`)), 404);
      assert.equal(await statusOf(second(`guess${String(at)}`)), 404, String(at));
    }
    assert.equal(await statusOf(target("modern")), 429);
    assert.equal(await statusOf(second("modern")), 429);
    assert.equal(await statusOf(second("guess9")), 429);
  });

  test(`${engine}: a second question in version 2 for one address is a miss of its own`, async () => {
    const limits = { addressMissesPerMinute: 5, peerMissesPerMinute: 5 };
    await using server = await startTestKeyserver(issued, { database: await place(), limits });
    const statusOf = async (path: string) => (await ask(server, pki, path)).status;
    const statuses = [await statusOf(target("guess"))];
    for (let at = 0; at < 11; at += 1) {
      statuses.push(await statusOf("/pks/v2/canonical/guess%40alpha.test"));
    }
    assert.deepEqual(statuses, [...Array.from({ length: 11 }, () => 404), 429]);
  });
}
