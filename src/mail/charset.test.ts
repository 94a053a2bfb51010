import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeCharset } from "./charset.ts";
import { bodyText } from "./entity.ts";
import { scanMime } from "./mime.ts";

const KAESE = Buffer.from("K\u00e4se");
const LATIN1 = Buffer.from("K\u00e4se", "latin1");

test("text without a charset, in US-ASCII or in one that nobody knows is UTF-8 where it is that", () => {
  for (const charset of [
    "",
    "us-ascii",
    "US-ASCII",
    "ascii",
    "x-unknown",
    "unknown-8bit",
    "utf-8",
  ]) {
    assert.equal(decodeCharset(KAESE, charset), "K\u00e4se", charset);
    if (charset !== "utf-8") assert.equal(decodeCharset(LATIN1, charset), "K\u00e4se", charset);
  }
  assert.equal(decodeCharset(KAESE, "iso-8859-1"), "K\u00c3\u00a4se");
});

test("a part in 8bit without a charset is shown in UTF-8, with a Content-Type and without", () => {
  for (const type of ["Content-Type: text/plain\r\n", "", "Content-Type: text/html\r\n"]) {
    const message = Buffer.concat([Buffer.from(`Subject: x\r\n${type}\r\n`), KAESE]);
    assert.equal(bodyText(message, scanMime(message)), "K\u00e4se");
  }
});
