import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { DataLines } from "../listener/data-lines.ts";
import { dotStuffed } from "./dot-stuffing.ts";

const sent = (message: string): string =>
  Buffer.concat([...dotStuffed(Buffer.from(message))]).toString();

test("a line that begins with a dot gets another, and a lone dot ends the message", () => {
  assert.equal(sent(""), ".\r\n");
  assert.equal(sent(".\r\na.b\r\n..c\r\n"), "..\r\na.b\r\n...c\r\n.\r\n");
});

test("a last line without a line end gets one", () => {
  assert.equal(sent("a"), "a\r\n.\r\n");
});

test("property: the reader of DATA finds the message that was sent", () => {
  const lines = fc.array(fc.array(fc.constantFrom(".", "a", " ")).map((part) => part.join("")));
  fc.assert(
    fc.property(lines, (given) => {
      const message = given.map((line) => `${line}\r\n`).join("");
      const { text, rest } = new DataLines().read(Buffer.from(sent(message)));
      assert.equal(Buffer.concat(text).toString(), message);
      assert.equal(rest?.length, 0);
    }),
  );
});
