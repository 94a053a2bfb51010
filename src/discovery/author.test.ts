import assert from "node:assert/strict";

import { armoredText } from "../../test/support/armored-text.ts";
import {
  DOWN,
  bob,
  http,
  key,
  makeCertificates,
  setUp,
} from "../../test/support/discovery-world.ts";
import { testOnBoth } from "../../test/support/engines.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../base/time.ts";
import type { AuthorAnswer } from "./author.ts";

const onBoth = testOnBoth();

const { bobs, revoked } = await makeCertificates();

function said(answer: AuthorAnswer): string {
  if (answer.kind === "unreachable") return answer.kind;
  return `${answer.code} ${answer.keys.map(({ revoked: of }) => of?.reasonCode ?? "good").join()}`;
}

onBoth("a certificate that is cached for encrypting is not taken for signatures", async (open) => {
  const { discover, askAuthor, clock, world, requests } = await setUp(bobs, open);
  await discover(bob);
  world.get = async () => http(404);
  clock.advance(HOUR);
  assert.equal((await discover(bob)).code, "OK-CACHE");
  assert.equal(said(await askAuthor(bob, clock.now())), "NOKEY ");
  // One question that found the key, and one in each version of HKP that did not.
  assert.equal(requests.length, 3);
});

onBoth("one answer serves what arrived before it, and up to five minutes later", async (open) => {
  const { askAuthor, clock, requests } = await setUp(bobs, open);
  const arrived = clock.now();
  clock.advance(HOUR);
  await askAuthor(bob, arrived);
  clock.advance(5 * MINUTE);
  assert.equal(said(await askAuthor(bob, clock.now())), "OK good");
  assert.equal(requests.length, 1);
  clock.advance(SECOND);
  await askAuthor(bob, clock.now());
  assert.equal(requests.length, 2);
});

onBoth(
  "an answer that says it is fresh for less serves for less, and questions are ten seconds apart",
  async (open) => {
    const { askAuthor, clock, world, requests } = await setUp(bobs, open);
    world.get = async () => http(200, armoredText(bobs), { "cache-control": "max-age=5" });
    await askAuthor(bob, clock.now());
    clock.advance(5 * SECOND);
    assert.equal(said(await askAuthor(bob, clock.now())), "OK good");
    clock.advance(SECOND);
    assert.equal(said(await askAuthor(bob, clock.now())), "unreachable");
    assert.equal(requests.length, 1);
    clock.advance(4 * SECOND);
    assert.equal(said(await askAuthor(bob, clock.now())), "OK good");
    assert.equal(requests.length, 2);
  },
);

onBoth("where nobody can be asked, no answer of before is taken", async (open) => {
  const { askAuthor, knownAuthor, clock, world } = await setUp(bobs, open);
  await askAuthor(bob, clock.now());
  world.get = async () => DOWN;
  clock.advance(HOUR);
  assert.equal(said(await askAuthor(bob, clock.now())), "unreachable");
  assert.equal(said(await knownAuthor(bob, clock.now())), "unreachable");
  clock.advance(-HOUR);
  assert.equal(said(await knownAuthor(bob, clock.now())), "OK good");
});

onBoth("a key that is served as compromised is known so from that answer on", async (open) => {
  const { askAuthor, discover, clock, world } = await setUp(bobs, open);
  await discover(bob);
  await askAuthor(bob, clock.now());
  world.get = async () => key(revoked);
  clock.advance(HOUR);
  const answer = await askAuthor(bob, clock.now());
  assert(answer.kind === "answered" && answer.code === "BADKEY");
  // Served again without its revocation, it stays revoked.
  world.get = async () => key(bobs);
  clock.advance(HOUR);
  assert.equal(said(await askAuthor(bob, clock.now())), "BADKEY 2");
});

onBoth(
  "from memory alone nobody is asked, and an answer is used for seven days at most",
  async (open) => {
    const { askAuthor, knownAuthor, clock, purge, requests } = await setUp(bobs, open);
    const arrived = clock.now();
    assert.equal(said(await knownAuthor(bob, arrived)), "unreachable");
    assert.equal(requests.length, 0);
    await askAuthor(bob, arrived);
    clock.advance(7 * DAY - SECOND);
    assert.equal(said(await knownAuthor(bob, arrived)), "OK good");
    clock.advance(SECOND);
    assert.equal(said(await knownAuthor(bob, arrived)), "unreachable");
    await purge();
    assert.equal(requests.length, 1);
  },
);
