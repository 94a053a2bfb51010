import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUnixMs } from "../base/time.ts";
import { parseHeader } from "../mail/header.ts";
import { NO_OUTLINE } from "./outline.ts";
import { summaryOf } from "./summary.ts";
import { unprotected } from "./verdicts.ts";

function summaryFor(...fields: readonly string[]) {
  const { header } = parseHeader(Buffer.from(`${fields.join("\r\n")}\r\n\r\n`));
  const verdict = unprotected(fromUnixMs(1_800_000_000_000));
  return summaryOf({ header, verdict, outline: NO_OUTLINE });
}

test("a summary knows the list that a message came by, and has no list of other mail", () => {
  const from = "From: Ann <ann@gamma.test>";
  const list = ["List-Id: <makers.lists.test>", "List-Post: <mailto:Makers@lists.test>"];
  assert.equal(summaryFor(from, ...list).list, "makers@lists.test");
  assert(!("list" in summaryFor(from)));
});
