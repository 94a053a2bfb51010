import assert from "node:assert/strict";
import { test } from "node:test";

import { DOWN, http } from "../../test/support/discovery-world.ts";
import { lines } from "../../test/support/doctor-world.ts";
import type { GetRequest } from "../fetch/request.ts";
import { exactSearch } from "./exact-search.ts";

test("a keyserver that finds nothing for parts is fine, whatever way it says so", async () => {
  for (const status of [404, 400, 501]) {
    assert.match(await lines(exactSearch, { get: async () => http(status) }), /^ok /);
  }
});

test("one that finds something fails, and what it found is named", async () => {
  const get = async ({ path }: GetRequest) =>
    http(path.includes(`search=${encodeURIComponent("@alpha.test")}`) ? 200 : 404, "info:1:2");
  assert.match(await lines(exactSearch, { get }), /^fail .*for "@alpha\.test" /);
});

test("trouble is no refusal", async () => {
  assert.match(await lines(exactSearch, { get: async () => http(503) }), /^warn .*3 of 3/);
  assert.match(await lines(exactSearch, { get: async () => DOWN }), /^warn /);
  assert.match(await lines(exactSearch, { tls: "none" }), /^skip /);
});
