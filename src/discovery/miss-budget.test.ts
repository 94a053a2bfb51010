import assert from "node:assert/strict";
import { test } from "node:test";

import {
  address,
  bob,
  http,
  key,
  makeCertificates,
  setUp,
} from "../../test/support/discovery-world.ts";
import { MINUTE } from "../base/time.ts";

test("mail from invented authors of a domain spends fifteen misses a minute, and known authors are asked about all the same", async () => {
  const { bobs } = await makeCertificates();
  const { clock, world, requests, askAuthor, discover } = await setUp(bobs);
  assert.equal((await askAuthor(bob, clock.now())).kind, "answered");
  clock.advance(10 * MINUTE);
  requests.length = 0;
  world.get = async () => Promise.resolve(http(404));
  const answers: string[] = [];
  for (let count = 0; count < 130; count += 1) {
    const { kind } = await askAuthor(address(`junk${String(count)}@beta.test`), clock.now());
    answers.push(kind);
  }
  assert.equal(answers.filter((kind) => kind === "answered").length, 15);
  // Each miss is a question in both versions of HKP.
  assert.equal(requests.length, 30);

  world.get = async () => Promise.resolve(key(bobs));
  assert.equal((await askAuthor(bob, clock.now())).kind, "answered");
  assert.equal((await discover(address("carol@beta.test"))).code, "BADKEY", "users still ask");
  world.get = async () => Promise.resolve(http(404));
  clock.advance(MINUTE);
  const later = await askAuthor(address("junk99@beta.test"), clock.now());
  assert.equal(later.kind, "answered");
});

test("an author about whom the keyserver has something costs no miss", async () => {
  const { bobs } = await makeCertificates();
  const { clock, requests, askAuthor } = await setUp(bobs);
  for (let count = 0; count < 40; count += 1) {
    await askAuthor(address(`p${String(count)}@beta.test`), clock.now());
  }
  assert.equal(requests.length, 40);
});
