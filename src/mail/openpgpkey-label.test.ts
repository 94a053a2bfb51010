import assert from "node:assert/strict";
import { test } from "node:test";

import { parseAddress } from "./address.ts";
import { openpgpkeyLabel, openpgpkeyName } from "./openpgpkey-label.ts";

const VECTORS = [
  ["ada.quill", "3d220eabc717ce664b27fba1f4e7d64be752d4ed69d6c870d14b94a4"],
  ["Ada.Quill", "67f24a10ff68db0dc04c384c68e7bf2d98ee31654e5762405727d8c5"],
  ["jürgen", "19b720a911fced55aecd96bf4ddcada1c69be5a96dc523d5be336b8e"],
] as const;

for (const [local, label] of VECTORS) {
  test(`the DNS has ${local} under ${label}`, () => {
    assert.equal(openpgpkeyLabel(local), label);
  });
}

test("what is published is under the local part in lower case", () => {
  const address = parseAddress("Ada.Quill@Post.example");
  assert(address);
  assert.equal(
    openpgpkeyName(address),
    "3d220eabc717ce664b27fba1f4e7d64be752d4ed69d6c870d14b94a4._openpgpkey.post.example",
  );
});
