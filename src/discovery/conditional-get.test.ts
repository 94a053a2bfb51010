import assert from "node:assert/strict";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { http } from "../../test/support/discovery-world.ts";
import { DAY } from "../base/time.ts";
import type { GetRequest, GetResult } from "../fetch/request.ts";
import { conditionalGet } from "./conditional-get.ts";

const REQUEST = { host: "keys.beta.test", port: 443, path: "/a", accept: "x" };

function setUp() {
  const clock = fakeClock();
  const asked: (string | undefined)[] = [];
  const world: { answer: (request: GetRequest) => GetResult } = {
    answer: () => http(200, "one", { etag: '"1"', "cache-control": "max-age=1" }),
  };
  const get = conditionalGet(async (request) => {
    asked.push(request.ifNoneMatch);
    return Promise.resolve(world.answer(request));
  }, clock);
  return { clock, asked, world, get };
}

function textOf(result: GetResult): string {
  return result.kind === "response"
    ? `${result.status} ${Buffer.from(result.body).toString()} ${result.headers.get("cache-control") ?? ""}`
    : result.reason;
}

test("an answer that did not change is asked for by its ETag, and is as fresh as the new answer says", async () => {
  const { asked, world, get } = setUp();
  assert.equal(textOf(await get(REQUEST)), "200 one max-age=1");
  world.answer = () => http(304, "", { "cache-control": "max-age=9" });
  assert.equal(textOf(await get(REQUEST)), "200 one max-age=9");
  assert.deepEqual(asked, [undefined, '"1"']);
});

test("another path, another host and an answer that was replaced have no ETag of it", async () => {
  const { asked, world, get } = setUp();
  await get(REQUEST);
  await get({ ...REQUEST, path: "/b" });
  await get({ ...REQUEST, host: "keys.evil.test" });
  world.answer = () => http(404);
  await get(REQUEST);
  world.answer = () => http(200, "two");
  assert.equal(textOf(await get(REQUEST)), "200 two ");
  assert.deepEqual(asked, [undefined, undefined, undefined, '"1"', undefined]);
});

test("after a day, and where nothing is known, nothing is taken from memory", async () => {
  const { clock, asked, world, get } = setUp();
  await get(REQUEST);
  clock.advance(DAY);
  world.answer = () => http(304);
  assert.equal(textOf(await get(REQUEST)), "304  ");
  assert.deepEqual(asked, [undefined, undefined]);
});
