import assert from "node:assert/strict";
import { test } from "node:test";

import { type Header, parseHeader } from "../mail/header.ts";
import {
  authoredByPeer,
  authoredFields,
  hiddenFromReaders,
  hpOuterEntries,
  hpOuterFields,
  isStructural,
  outerEntry,
  outerFields,
  sendableFields,
} from "./protected-headers.ts";

const WRITTEN = ["From: a@x.test", "To: b@x.test", "Resent-From: c@x.test", "X-Other: 1"];
const USER_FACING = ["SUBJECT: Lease", "Comments: c", "Keywords: k"];
const TOPIC = "Thread-Topic: Lease";
const RELAYS = [
  "Received: by mx",
  "Return-Path: <a@x.test>",
  "Delivered-To: b",
  "X-Original-To: b",
];
const STRUCTURE = ["MIME-Version: 1.0", "Content-Type: text/plain", "Content-Foo: x"];
const NEVER = [
  "Bcc: d@x.test",
  "RESENT-BCC: d@x.test",
  "X-Sealpost-Require: yes",
  "HP-Outer: Subject: x",
  "E2E-Status: forged",
  "a line that is no field",
];
const ALL = headerOf([...WRITTEN, ...USER_FACING, TOPIC, ...RELAYS, ...STRUCTURE, ...NEVER]);

function headerOf(lines: readonly string[]): Header {
  return parseHeader(Buffer.from(lines.map((line) => `${line}\r\n`).join(""))).header;
}

function linesOf(header: Header): readonly string[] {
  return header.map(({ raw }) => Buffer.from(raw).toString().trimEnd());
}

test("blind copies, wishes to Sealpost, results and garbage never leave", () => {
  const left = [...WRITTEN, ...USER_FACING, TOPIC, ...RELAYS, ...STRUCTURE];
  assert.deepEqual(linesOf(sendableFields(ALL)), left);
});

test("an author vouches for all fields but those of structure and of relays", () => {
  assert.deepEqual(linesOf(authoredFields(ALL)), [...WRITTEN, ...USER_FACING, TOPIC]);
});

test("outside, the subject is hidden, and comments, keywords and the second subject are gone", () => {
  const expected = [...WRITTEN, "SUBJECT: [...]", ...RELAYS];
  assert.deepEqual(linesOf(outerFields(ALL)), expected);
  const outside = WRITTEN.map((line) => `HP-Outer: ${line}`);
  assert.deepEqual(linesOf(hpOuterFields(ALL)), [...outside, "HP-Outer: SUBJECT: [...]"]);
});

test("the legacy display repeats what people read and no longer see outside", () => {
  assert.deepEqual(linesOf(hiddenFromReaders(ALL)), USER_FACING);
});

test("structure is MIME-Version and Content-, in any case, and nothing that only looks like it", () => {
  const structural = (line: string) => headerOf([line]).map(isStructural)[0];
  for (const line of [...STRUCTURE, "mime-version: 1.0", "CONTENT-ID: <1>"]) {
    assert.equal(structural(line), true, line);
  }
  for (const line of ["Contents: x", "X-Content-Type: x", "MIME-Versions: x"]) {
    assert.equal(structural(line), false, line);
  }
});

test("what only a receiver may state is not taken from a peer's protected fields", () => {
  const peers = headerOf([
    ...WRITTEN,
    ...USER_FACING,
    TOPIC,
    "Bcc: b@x.test",
    ...RELAYS,
    ...STRUCTURE,
    "HP-OUTER: Subject: x",
    "Authentication-Results: mx.test; spf=pass",
    "ARC-Seal: x",
    "E2E-Status: forged",
    "no field",
  ]);
  const left = [...WRITTEN, ...USER_FACING, TOPIC, "Bcc: b@x.test"];
  assert.deepEqual(linesOf(authoredByPeer(peers)), left);
});

test("an outer field and its HP-Outer are the same entry, whatever their case and blanks", () => {
  const inside = headerOf([
    "HP-Outer:  Subject :  [...] ",
    "HP-Outer: X-A: b: c",
    "HP-Outer: none",
  ]);
  assert.deepEqual([...hpOuterEntries(inside)], ["subject:[...]", "x-a:b: c", ":"]);
  const outside = headerOf(["SUBJECT: [...]", "X-A:b: c"]);
  assert.deepEqual(outside.map(outerEntry), ["subject:[...]", "x-a:b: c"]);
});
