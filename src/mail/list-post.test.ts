import assert from "node:assert/strict";
import { test } from "node:test";

import { parseHeader } from "./header.ts";
import { listIn } from "./list-post.ts";

function listOf(...fields: readonly string[]): string | undefined {
  return listIn(parseHeader(Buffer.from(`${fields.join("\r\n")}\r\n\r\n`)).header);
}

test("a list is known by its ID, and is written to where it says so", () => {
  const id = "List-Id: Makers <makers.lists.test>";
  assert.equal(listOf(id, "List-Post: <mailto:Makers@lists.test>"), "makers@lists.test");
  const more = "List-Post: <https://lists.test/>,\r\n <mailto:a%2Bb@lists.test?subject=x>";
  assert.equal(listOf(id, more), "a+b@lists.test");
  for (const post of ["NO (moderated)", "<mailto:>", "<mailto:%zz@x>", "<https://lists.test>"]) {
    assert.equal(listOf(id, `List-Post: ${post}`), undefined, post);
  }
  assert.equal(listOf("List-Post: <mailto:makers@lists.test>"), undefined);
  assert.equal(listOf(id), undefined);
});

test("no List-Post costs more than a moment", () => {
  const hostile = "<mailto:".repeat(8000);
  const started = process.cpuUsage();
  assert.equal(listOf("List-Id: <x.y>", `List-Post: ${hostile}`), undefined);
  const { user, system } = process.cpuUsage(started);
  assert(user + system < 500_000, String(user + system));
});

test("an address that a shell would act on is no list", () => {
  for (const address of [
    "`id`@lists.test",
    "a|b@lists.test",
    "$(x)@lists.test",
    "a'b@lists.test",
  ]) {
    const post = `List-Post: <mailto:${encodeURIComponent(address)}>`;
    assert.equal(listOf("List-Id: <x.y>", post), undefined, address);
  }
});
