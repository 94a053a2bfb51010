import assert from "node:assert/strict";
import { test } from "node:test";

import { type Header, parseHeader } from "../mail/header.ts";
import { type ProtectedHeader, readProtectedHeader } from "./payload-header.ts";
import { signedReading, unverifiedHeader } from "./shown-header.ts";

const NONE: ProtectedHeader = { kind: "none" };
const OUTER = headerOf(
  "Received: by mx\r\nFrom: out@x.test\r\nReply-To: reply@x.test\r\nTo: to@x.test\r\nCc: cc@x.test\r\n" +
    "Subject: outside\r\nDate: today\r\nMessage-ID: <1@x.test>\r\nSender: s@x.test\r\nX-Other: 1\r\n" +
    "MIME-Version: 1.0\r\nContent-Type: multipart/encrypted\r\nE2E-Status: forged\r\nHP-Outer: X: y\r\n" +
    "no field\r\n",
);

function headerOf(text: string): Header {
  return parseHeader(Buffer.from(`${text}\r\n`)).header;
}

function inside(type: string, fields: string): ProtectedHeader {
  return readProtectedHeader(
    Buffer.from(`Content-Type: text/plain; ${type}\r\n${fields}\r\nText.\r\n`),
  );
}

/** The names and values, one a line. */
function linesOf(header: Header): readonly string[] {
  return header.map(({ raw }) => Buffer.from(raw).toString("latin1").trimEnd());
}

function signed(outer: Header, protectedHeader: ProtectedHeader) {
  const { header, unsigned } = signedReading(outer, protectedHeader);
  return { lines: linesOf(header), unsigned };
}

test("where only the text is signed, what is displayed stands in from outside and is named as not signed", () => {
  const { lines, unsigned } = signed(OUTER, NONE);
  assert.deepEqual(unsigned, ["From", "Reply-To", "To", "Cc", "Subject", "Date"]);
  assert.deepEqual(lines, [
    "Received: by mx",
    "From: out@x.test",
    "To: to@x.test",
    "Cc: cc@x.test",
    "Subject: outside",
    "Date: today",
    "Message-ID: <1@x.test>",
  ]);
});

test("what stands nowhere is not missing", () => {
  assert.deepEqual(signed(headerOf("From: out@x.test\r\n"), NONE), {
    lines: ["From: out@x.test"],
    unsigned: ["From"],
  });
  assert.deepEqual(signed([], inside("hp=cipher", "To: b@x.test\r\n")).unsigned, []);
});

for (const kind of ["cipher", "clear"]) {
  test(`hp="${kind}" covers all fields, so of those outside only author and date are asked for`, () => {
    const { lines, unsigned } = signed(OUTER, inside(`hp=${kind}`, "Subject: inside\r\n"));
    assert.deepEqual(unsigned, ["From", "Date"]);
    assert.deepEqual(lines, [
      "Received: by mx",
      "Subject: inside",
      "From: out@x.test",
      "Date: today",
      "Message-ID: <1@x.test>",
    ]);
    const all = "From: in@x.test\r\nDate: then\r\nMessage-ID: <2@x.test>\r\n";
    assert.deepEqual(signed(OUTER, inside(`hp=${kind}`, all)), {
      lines: ["Received: by mx", ...all.trimEnd().split("\r\n")],
      unsigned: [],
    });
  });
}

test("v1 covers the fields that stand inside, and no others", () => {
  const fields = "From: in@x.test\r\nSubject: inside\r\n";
  const { lines, unsigned } = signed(OUTER, inside("protected-headers=v1", fields));
  assert.deepEqual(unsigned, ["Reply-To", "To", "Cc", "Date"]);
  assert.deepEqual(lines, [
    "Received: by mx",
    "From: in@x.test",
    "Subject: inside",
    "To: to@x.test",
    "Cc: cc@x.test",
    "Date: today",
    "Message-ID: <1@x.test>",
  ]);
});

test("beside signed fields relays and filters are heard and lists are not, unless the author knew of the field", () => {
  const added = [
    "Return-Path: <a@x.test>",
    "Received: by a",
    "Delivered-To: b",
    "X-Original-To: b",
    "Authentication-Results: other.test; spf=pass",
    "ARC-Seal: x",
    "Received-SPF: pass",
    "List-Id: l",
    "Archived-At: <x>",
    "X-Spam-Flag: NO",
    "X-Rspamd-Score: 1",
    "X-Virus-Scanned: yes",
  ];
  const trace = added.filter((line) => !/^(?:Authentication|ARC|List|Archived)/.test(line));
  const outer = headerOf(`${added.join("\r\n")}\r\nE2E-Status: x\r\nX-List-Id: no\r\n`);
  for (const header of [NONE, inside("hp=cipher", "To: b@x.test\r\n")]) {
    const lines = signed(outer, header).lines;
    assert.deepEqual(
      lines.filter((line) => !line.startsWith("To:")),
      trace,
    );
  }
  const to = inside("hp=cipher", "To: b@x.test\r\n");
  assert.deepEqual(linesOf(unverifiedHeader(outer, to)).slice(0, added.length), added);
  const known = inside("hp=cipher", "HP-Outer: X-Spam-Flag: NO\r\nHP-Outer: Received: by b\r\n");
  assert.deepEqual(
    signed(outer, known).lines,
    trace.filter((line) => line !== "X-Spam-Flag: NO"),
  );
});

test("a field with two readings stands there with one", () => {
  const outer = headerOf("From : out@x.test\r\nReceived : by mx\r\nFrom: other@x.test\r\n");
  assert.deepEqual(signed(outer, NONE).lines, ["Received: by mx", "From: out@x.test"]);
  assert.deepEqual(linesOf(unverifiedHeader(outer, NONE)), ["From: out@x.test", "Received: by mx"]);
});

test("without any protection all that stood outside is shown, but for structure and results", () => {
  assert.deepEqual(linesOf(unverifiedHeader(OUTER, NONE)), [
    "Received: by mx",
    "From: out@x.test",
    "Reply-To: reply@x.test",
    "To: to@x.test",
    "Cc: cc@x.test",
    "Subject: outside",
    "Date: today",
    "Message-ID: <1@x.test>",
    "Sender: s@x.test",
    "X-Other: 1",
  ]);
});

test("where no signature counts, the protected fields are shown, by choice with the outer author", () => {
  const fields = "From: in@x.test\r\nSubject: inside\r\n";
  const cipher = inside("hp=cipher", fields);
  const rest = ["Date: today", "Message-ID: <1@x.test>"];
  assert.deepEqual(linesOf(unverifiedHeader(OUTER, cipher)), [
    "Received: by mx",
    "From: in@x.test",
    "Subject: inside",
    ...rest,
  ]);
  assert.deepEqual(linesOf(unverifiedHeader(OUTER, cipher, { from: "protected" })), [
    "Received: by mx",
    "From: in@x.test",
    "Subject: inside",
    ...rest,
  ]);
  assert.deepEqual(linesOf(unverifiedHeader(OUTER, cipher, { from: "outer" })), [
    "Received: by mx",
    "Subject: inside",
    "From: out@x.test",
    ...rest,
  ]);
  const v1 = inside("protected-headers=v1", fields);
  assert.deepEqual(linesOf(unverifiedHeader(OUTER, v1)), [
    "Received: by mx",
    "From: in@x.test",
    "Subject: inside",
    "Reply-To: reply@x.test",
    "To: to@x.test",
    "Cc: cc@x.test",
    ...rest,
  ]);
});
