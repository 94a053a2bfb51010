import assert from "node:assert/strict";
import { test } from "node:test";

import { type Header, HEADER_LIMITS, parseHeader } from "../mail/header.ts";
import { firstOfSingle, readPayload, readProtectedHeader, rewritten } from "./payload-header.ts";

const CIPHER = 'Content-Type: text/plain; hp="cipher"\r\n';
const FROM = "From: alice@alpha.test\r\n";

const payload = (header: string): Buffer => Buffer.from(`${header}\r\nText.\r\n`, "latin1");
const textOf = (header: Header): string =>
  header.map(({ raw }) => Buffer.from(raw).toString("latin1")).join("");

/** The kind, the protected fields, and the outer fields that the author knows of. */
function protectedBy(header: string): readonly [string, string, readonly string[]] {
  const read = readProtectedHeader(payload(header));
  return read.kind === "none"
    ? [read.kind, "", []]
    : [read.kind, textOf(read.fields), [...read.outside]];
}

const kindOf = (header: string): string => protectedBy(header)[0];

test("hp names the protection, and HP-Outer what its author saw outside", () => {
  const outer = "HP-Outer: Subject: [...]\r\nHP-Outer: From: alice@alpha.test\r\n";
  for (const kind of ["cipher", "clear"]) {
    const type = `Content-Type: text/plain; hp="${kind}"\r\n`;
    assert.deepEqual(protectedBy(`${type}${FROM}Subject: Lease\r\n${outer}`), [
      kind,
      `${FROM}Subject: Lease\r\n`,
      ["subject:[...]", "from:alice@alpha.test"],
    ]);
    assert.deepEqual(protectedBy(`${type}${FROM}`), [kind, FROM, []]);
  }
});

test("of two fields that may stand once the first is shown, others are all shown", () => {
  const { header } = parseHeader(
    Buffer.from("Subject: a\r\nNote: b\r\nsubject: c\r\nNote: d\r\n\r\n"),
  );
  assert.equal(textOf(firstOfSingle(header)), "Subject: a\r\nNote: b\r\nNote: d\r\n");
});

test("v1 protects the fields that stand beside it, where hp does not stand", () => {
  const type = "Content-Type: text/plain; protected-headers=";
  for (const value of ['"v1"', "v1", "V1"]) {
    const read = protectedBy(`${type}${value}\r\n${FROM}`);
    assert.deepEqual(read, ["v1", FROM, ["from:alice@alpha.test"]]);
  }
  for (const value of ["v2", '""', "v1; hp=other", 'v1; hp=""', "v1; hp=Cipher"]) {
    assert.equal(kindOf(`${type}${value}\r\n${FROM}`), "none", value);
  }
  assert.equal(kindOf(FROM), "none");
  assert.equal(kindOf(`Content-Type: text/plain\r\n${FROM}`), "none");
});

test("two fields of which one is allowed protect nothing, whichever they are", () => {
  for (const name of [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "Date",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
  ]) {
    const first = name === "Content-Type" ? "" : `${name}: x\r\n`;
    assert.equal(kindOf(`${CIPHER}${first}`), "cipher", name);
    assert.equal(kindOf(`${CIPHER}${first}${name.toUpperCase()}: x\r\n`), "none", name);
  }
  assert.equal(kindOf(`${CIPHER}Received: a\r\nReceived: b\r\n`), "cipher");
});

test("a header that two programs may read in two ways protects nothing", () => {
  for (const line of [
    "no field\r\n",
    "X : a\r\n",
    "X\t: a\r\n",
    "X: a\rb\r\n",
    "X: a\nY: b\r\n",
    "X: a\0b\r\n",
    "X: a\r\n \r\n",
    "X: a\r\n \t\r\n b\r\n",
    "X: a\n",
  ]) {
    assert.equal(kindOf(`${CIPHER}${line}${FROM}`), "none", JSON.stringify(line));
  }
  for (const line of ["X:a\r\n", "!~9: a\r\n", "X: a\r\n b\r\n\tc\r\n", "X:\r\n a\r\n"]) {
    assert.equal(kindOf(`${CIPHER}${line}${FROM}`), "cipher", JSON.stringify(line));
  }
  const endless = "X: a\r\n".repeat(3 * HEADER_LIMITS.fields);
  assert.equal(kindOf(`${CIPHER}${endless}`), "none");
  assert.deepEqual(readProtectedHeader(Buffer.from(`${CIPHER}X: a`)), { kind: "none" });
});

/** Structural fields and body, as they are shown. */
function shown(bytes: Buffer): readonly [string, string] {
  const { structural, entity, bodyOffset } = readPayload(bytes);
  return [textOf(structural), Buffer.from(entity.subarray(bodyOffset)).toString("latin1")];
}

test("of two Content-Type fields the first one says how the body is built, for every program", () => {
  const types = "Content-Type: text/plain\r\ncontent-type: text/html\r\nMIME-Version: 1.0\r\n";
  assert.deepEqual(shown(payload(`${types}${FROM}`)), [
    "Content-Type: text/plain\r\nMIME-Version: 1.0\r\n",
    "Text.\r\n",
  ]);
});

test("a structural field with two readings is written again with one", () => {
  assert.deepEqual(shown(payload("Content-Type : text/plain;\r charset=utf-8\r\n")), [
    "Content-Type: text/plain;  charset=utf-8\r\n",
    "Text.\r\n",
  ]);
});

test("line ends of LF alone become CRLF, others stay", () => {
  assert.deepEqual(shown(Buffer.from("Content-Type: text/plain\n\na\nb\n")), [
    "Content-Type: text/plain\r\n",
    "a\r\nb\r\n",
  ]);
  for (const body of ["a\rb\n", "a\r\nb\n", "a\0\nb\r\n", "a\rb\r\n"]) {
    const bytes = Buffer.from(`Content-Type: text/plain\r\n\r\n${body}`);
    assert.equal(shown(bytes)[1], body);
  }
});

test("text without a header is text alone", () => {
  for (const text of [
    "just text\r\n\r\nmore\r\n",
    "just text\r\nContent-Type: text/html\r\n\r\nmore\r\n",
    "Note: this\r\nno field\r\n\r\nmore\r\n",
    "Note : this\r\n\r\nmore\r\n",
    "Note: this is a field by its form\r\n\r\nmore\r\n",
    "Reminder: call me\r\n",
    "Reminder: call me",
    "Subject: none of ours\r\nDate: tomorrow\r\n\r\nmore\r\n",
  ]) {
    assert.deepEqual(shown(Buffer.from(text)), ["", text]);
  }
  assert.deepEqual(shown(Buffer.from("Reminder: call me\nat ten\n")), [
    "",
    "Reminder: call me\r\nat ten\r\n",
  ]);
  assert.deepEqual(shown(payload(FROM)), ["", "Text.\r\n"]);
  assert.deepEqual(shown(Buffer.from("\r\nafter an empty header\r\n")), [
    "",
    "after an empty header\r\n",
  ]);
  assert.deepEqual(shown(payload("Content-Type: text/html\r\nno field\r\n")), [
    "Content-Type: text/html\r\n",
    "Text.\r\n",
  ]);
});

test("a field is written again only if it needs to be, and garbage not at all", () => {
  const written = (line: string): string =>
    textOf(
      rewritten(parseHeader(Buffer.from(line)).header[0] ?? { name: "", raw: Buffer.alloc(0) }),
    );
  assert.equal(written("X:  a\r\n  b\r\n"), "X:  a\r\n  b\r\n");
  assert.equal(written("X: a\r\0b\r\n"), "X: a b\r\n");
  assert.equal(written("X: grün\r\n \r\n"), Buffer.from("X: grün\r\n").toString("latin1"));
  assert.equal(written("no field\r\n"), "");
  const [longest, longer] = ["x".repeat(76), "x".repeat(77)];
  assert.equal(written(`${longest} : a\r\n`), `${longest}: a\r\n`);
  assert.equal(written(`${longer} : a\r\n`), "");
});

/** One reading, said by a grammar: lines without controls, each further one begun by blanks and not of blanks alone. */
const ONE_READING = /^X:[^\r\n\0]*(?:\r\n[ \t]+[^\r\n\0 \t][^\r\n\0]*)*\r\n$/;

test("of every short text of a field it is known whether it has one reading", () => {
  const octets = ["a", " ", "\t", "\r", "\n", "\0"];
  let texts = [""];
  for (let length = 0; length <= 5; length += 1) {
    for (const text of texts) {
      for (const raw of [`X:${text}`, `X:${text}\r\n`]) {
        const field = { name: "X", raw: Buffer.from(raw) };
        const isAsItWas = rewritten(field)[0] === field;
        assert.equal(isAsItWas, ONE_READING.test(raw), JSON.stringify(raw));
      }
    }
    texts = texts.flatMap((text) => octets.map((octet) => text + octet));
  }
});
