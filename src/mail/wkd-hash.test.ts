import assert from "node:assert/strict";
import { test } from "node:test";

import { parseAddress } from "./address.ts";
import { wkdHash, wkdName } from "./wkd-hash.ts";

const VECTORS = [
  ["ada.quill", "fhh5hqn4exs59t43nc8z1eneyuch6s76"],
  ["Ada.Quill", "fhh5hqn4exs59t43nc8z1eneyuch6s76"],
  ["ada.quill+news", "zq8n5hmznngw341m1jtb964qj7tkmj8h"],
  ["jürgen", "xotup5kjnwdgxj1qa4a6s1j1hx3q5196"],
] as const;

for (const [local, hash] of VECTORS) {
  test(`the Web Key Directory has ${local} under ${hash}`, () => {
    assert.equal(wkdHash(local), hash);
  });
}

test("a name has the domain, so that equal local parts of two domains are two names", () => {
  const address = parseAddress("Ada.Quill@Post.example");
  assert(address);
  assert.equal(wkdName(address), "fhh5hqn4exs59t43nc8z1eneyuch6s76@post.example");
});
