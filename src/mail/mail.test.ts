import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { parseHeader } from "./header.ts";
import {
  checkLineEnds,
  checkLineEndsInSlices,
  type MessageFacts,
  readMessageFacts,
  toCrlf,
} from "./mail.ts";

const facts = (text: string): MessageFacts =>
  readMessageFacts(parseHeader(Buffer.from(text.replaceAll("\n", "\r\n"))).header);

test("the facts of an ordinary header are read", () => {
  const read = facts(
    "From: Ada <ada@post.example>\nTo: bo@recv.example, Team: cy@x.example;\nCc: dee@x.example\n" +
      "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nDate: Mon, 23 Nov 2026 10:00:00 +0000 (UTC)\n" +
      "Message-ID: <1@post.example>\nReferences: <0@post.example>\n",
  );
  assert.equal(read.from?.[0]?.address.local, "ada");
  assert.equal(read.to.length, 2);
  assert.equal(read.cc.length, 1);
  assert.equal(read.subject, "Grüße");
  assert.equal(read.date?.toISOString(), "2026-11-23T10:00:00.000Z");
  assert.equal(read.messageId, "<1@post.example>");
  assert.equal(read.isReply, true);
});

test("there is no author when From is missing, doubled, malformed, empty or a group", () => {
  for (const header of [
    "To: a@x.example\n",
    "From: a@x.example\nFrom: a@x.example\n",
    "From: a@x.example\nFROM : b@x.example\n",
    "From: Quill, Ada <a@x.example>\n",
    "From:\n",
    "From: Team: a@x.example;\n",
    "From: a@x.example\0\n",
  ]) {
    assert.equal(facts(header).from, undefined, header);
  }
});

test("line ends are checked and mended whatever the bytes", () => {
  assert.equal(checkLineEnds(Buffer.from("a\r\nb\r\n")), "ok");
  assert.equal(checkLineEnds(Buffer.from("a\nb")), "bare-lf");
  assert.equal(checkLineEnds(Buffer.from("\n")), "bare-lf");
  assert.equal(checkLineEnds(Buffer.from("a\rb")), "bare-cr");
  assert.equal(checkLineEnds(Buffer.from("a\r")), "bare-cr");
  assert.equal(checkLineEnds(Buffer.from("a\r\n\0")), "nul");
  const unit = fc.constantFrom("\r", "\n", "a");
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
      const mended = Buffer.from(toCrlf(Buffer.from(text)));
      assert.equal(checkLineEnds(mended), "ok");
      assert.equal(mended.toString(), text.replace(/\r\n?|\n/g, "\r\n"));
    }),
  );
});

test("a fault of a line end is found wherever it stands in memory", () => {
  const line = `${"x".repeat(30)}\x80\xff\x0e\r\n`;
  for (let offset = 0; offset < 5; offset += 1) {
    const memory = Buffer.alloc(120, "\r");
    const text = memory.subarray(offset, memory.write(line.repeat(3), offset, "latin1") + offset);
    assert.equal(checkLineEnds(text), "ok");
    for (const [octet, expected] of [
      [13, "bare-cr"],
      [10, "bare-lf"],
      [0, "nul"],
    ] as const) {
      for (const at of text.keys()) {
        const own = text[at] ?? 0;
        if (own === 13 || own === 10) continue;
        text[at] = octet;
        assert.equal(checkLineEnds(text), text[at - 1] === 13 ? "bare-cr" : expected);
        text[at] = own;
      }
    }
  }
});

test("line ends are found wherever slices are cut", async () => {
  const slice = 2 * 1024 * 1024;
  for (const at of [0, slice - 1, slice, slice + 1, 2 * slice - 1]) {
    const good = Buffer.alloc(2 * slice, "x");
    good.write("\r\n", Math.min(at, good.length - 2), "latin1");
    assert.equal(await checkLineEndsInSlices(good), "ok");
    for (const [octet, expected] of [
      ["\r", "bare-cr"],
      ["\n", "bare-lf"],
      ["\0", "nul"],
    ] as const) {
      const bad = Buffer.alloc(2 * slice, "x");
      bad.write(octet, at, "latin1");
      assert.equal(await checkLineEndsInSlices(bad), expected, String(at));
    }
  }
});
