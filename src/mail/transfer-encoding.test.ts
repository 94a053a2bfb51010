import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { decodeTransfer, encodeTransfer } from "./transfer-encoding.ts";

const decoded = (body: string, encoding: string): string =>
  Buffer.from(decodeTransfer(Buffer.from(body, "latin1"), encoding)).toString("latin1");

test("any bytes survive each transfer encoding, in lines of at most 76 characters", () => {
  const dense = fc.constantFrom(0, 9, 10, 13, 32, 46, 61, 65, 70, 255);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.array(dense, { maxLength: 400 }).map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom("base64", "quoted-printable", "8bit"), (body, encoding) => {
      const written = encodeTransfer(body, encoding);
      assert.deepEqual(Buffer.from(decodeTransfer(written, encoding)), Buffer.from(body));
      if (encoding === "8bit") return;
      for (const line of Buffer.from(written).toString("latin1").split("\r\n")) {
        assert.match(line, /^[!-~\t ]{0,76}$/);
        assert.doesNotMatch(line, /[ \t]$|^From |^\.$/);
      }
    }),
  );
});

test("quoted-printable is read as RFC 2045 says, and what is no escape stays", () => {
  for (const [written, expected] of [
    ["a=3Db=3d", "a=b="],
    ["soft=\r\nbreak", "softbreak"],
    ["soft=  \t\r\nbreak", "softbreak"],
    ["trailing \t\r\nnext  ", "trailing\r\nnext"],
    ["=20\r\n", " \r\n"],
    ["=XY = =4", "=XY = =4"],
    ["a\nb=\nc", "a\nbc"],
    ["a=", "a"],
    ["", ""],
  ] as const) {
    assert.equal(decoded(written, "quoted-printable"), expected, JSON.stringify(written));
  }
});

test("base64 passes over what is not of its alphabet", () => {
  assert.equal(decoded("SGVs\r\nbG8h !\r\n", "base64"), "Hello!");
});
