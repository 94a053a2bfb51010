import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, text, view, HEAD } from "../../test/support/payloads.ts";
import { AppError } from "../base/errors.ts";
import { fieldBody, firstField, parseHeader } from "../mail/header.ts";
import { makePayload } from "./payload.ts";
import { outerFields } from "./protected-headers.ts";
import { readerView } from "./reader-view.ts";

test("the payload is RFC 9788's: protected copies, hp, HP-Outer, legacy display", () => {
  const message = bytes(
    `${HEAD}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nBo, ready.\n`,
  );
  assert.equal(
    text(makePayload(message)),
    `${HEAD}MIME-Version: 1.0\n` +
      'Content-Type: text/plain; hp="cipher"; hp-legacy-display="1"; charset=utf-8\n' +
      "HP-Outer: From: Ada Quill <ada@post.example>\nHP-Outer: To: bo@recv.example\n" +
      "HP-Outer: Date: Mon, 23 Nov 2026 10:00:00 +0000\nHP-Outer: Subject: [...]\n" +
      "HP-Outer: Message-ID: <1@post.example>\n\nSubject: Lease draft\n\nBo, ready.\n",
  );
  assert.equal(text(view(message)), text(message));
});

test("outside stands the subject's placeholder, and no comments, keywords, blind copies or results", () => {
  const message = bytes(
    `${HEAD}Comments: c\nKeywords: k\nBcc: bea@recv.example\nResent-Bcc: x@y.example\nE2E-Status: forged\n` +
      "X-Sealpost-Require: yes\nHP-Outer: Subject: forged\nIn-Reply-To: <0@post.example>\nX-Other: 1\n\nx\n",
  );
  const { header } = parseHeader(message);
  const outside = outerFields(header)
    .map(({ raw }) => text(raw))
    .join("");
  assert.equal(
    outside,
    `${HEAD.replace("Lease draft", "[...]")}In-Reply-To: <0@post.example>\nX-Other: 1\n`,
  );
  const inside = text(makePayload(message));
  assert.match(inside, /^Comments: c$/m);
  assert.doesNotMatch(inside, /bea@|x@y|forged|Sealpost/);
  assert.match(inside, /Subject: Lease draft\nComments: c\nKeywords: k\n\n/);
});

test("relays' fields stay outside, and show again to the reader with those added on the way", () => {
  const message = bytes(`Received: by client\n${HEAD}Resent-From: cy@x.example\n\nx\n`);
  const payload = makePayload(message);
  assert.doesNotMatch(text(payload), /Received/);
  const outer = [
    ...parseHeader(bytes("Received: by mx\nList-Id: l\nX-Unknown: 1\nE2E-Status: forged\n\n"))
      .header,
    ...outerFields(parseHeader(message).header),
  ];
  const shown = text(readerView(outer, payload));
  assert.match(shown, /^Received: by mx\nList-Id: l\nReceived: by client\nFrom: /);
  assert.equal(shown.match(/Resent-From/g)?.length, 1);
  assert.doesNotMatch(shown, /X-Unknown|forged|HP-Outer|hp=/);
});

test("odd but clear Content-Type fields keep their bytes", () => {
  for (const type of [
    "multipart/mixed;\n boundary=b",
    'text/plain; name="a;b"; charset = utf-8 ;',
    "text/plain (a comment)",
    "TEXT/PLAIN",
    'text/plain; name="never closed',
  ]) {
    const message = bytes(`${HEAD}MIME-Version: 1.0\nContent-Type: ${type}\n\nx\n`);
    const payload = parseHeader(makePayload(message)).header;
    const field = firstField(payload, "content-type");
    assert.match(field === undefined ? "" : fieldBody(field), /hp="cipher"/, type);
    assert.equal(text(view(message)), text(message), type);
  }
});

test("a submitted message has no say in what only protected messages have", () => {
  const message = bytes(
    `${HEAD}Content-Type: text/plain; hp="clear"; hp-legacy-display=1; charset=utf-8\n\nkeep\n\nall\n`,
  );
  assert.match(text(view(message)), /\n\nkeep\n\nall\n$/);
  const quiet = bytes(
    "From: a@x.example\nContent-Type: text/plain; hp-legacy-display=1\n\nkeep\n\nall\n",
  );
  assert.match(text(view(quiet)), /\n\nkeep\n\nall\n$/);
});

test("lines that are no field never stand outside, and a message that has one is not sealed", () => {
  const message = bytes(
    `From ada@post.example Mon\n${HEAD}my secret text without a colon\nX: y\n\nbody\n`,
  );
  const outside = outerFields(parseHeader(message).header)
    .map(({ raw }) => text(raw))
    .join("");
  assert.doesNotMatch(outside, /secret|From ada/);
  assert.throws(() => makePayload(message), /two ways/);
});

test("what can be read in two ways is refused for good", () => {
  for (const header of [
    "From: b@x.example\n",
    "Subject: other\n",
    "FROM : b@x.example\n",
    "Content-Type: text/plain\nContent-Type: text/html\n",
    "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n",
    "Content-Type: multipart/mixed; boundary=a; boundary=b\n",
    "Content-Type: multipart; boundary=a\n",
    `Content-Type: text${"x".repeat(2000)}\n`,
  ]) {
    assert.throws(
      () => makePayload(bytes(`${HEAD}${header}\nx\n`)),
      (error) => error instanceof AppError && !error.temporary,
      header.slice(0, 60),
    );
  }
  assert.throws(() => makePayload(bytes(` folded\n${HEAD}\nx\n`)), AppError);
});

test("another program's payload is shown: LF line ends, no header protection, or no header at all", () => {
  const outer = parseHeader(bytes(`${HEAD}Content-Type: multipart/encrypted\n\n`)).header;
  const lf = Buffer.from("Content-Type: text/plain; charset=utf-8\n\nline\nline\n");
  assert.equal(
    text(readerView(outer, lf)),
    `${HEAD}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nline\nline\n`,
  );
  assert.equal(
    text(readerView(outer, bytes("just text\nmore: x\n"))),
    `${HEAD}\njust text\nmore: x\n`,
  );
  const inner = bytes(
    'Content-Type: text/plain; hp="cipher"\nSubject: real\nFrom: eve@x.example\n\nx\n',
  );
  assert.match(text(readerView(outer, inner)), /^Subject: real\nFrom: eve@x.example\nDate: /);
  assert.match(text(readerView(outer, inner, { from: "outer" })), /From: Ada Quill/);
  assert.doesNotMatch(text(readerView(outer, inner, { from: "outer" })), /eve@/);
});
