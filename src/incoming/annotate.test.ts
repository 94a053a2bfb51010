import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUnixMs } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { fieldBody, firstField, parseHeader } from "../mail/header.ts";
import { annotate, statusMac } from "./annotate.ts";
import { unprotected } from "./verdicts.ts";

test("an address in the status field cannot state another fact", () => {
  const reader = parseAddress("bob@beta.test");
  assert(reader !== undefined);
  const verdict = {
    ...unprotected(fromUnixMs(1_795_000_000_000)),
    signer: '"a; signer=ceo@bank.test; b"@evil.test',
  };
  const message = Buffer.from("Subject: x\r\n\r\n");
  const { header } = parseHeader(annotate(message, verdict, reader, new Uint8Array(32)));
  const field = firstField(header, "E2E-Status");
  assert(field !== undefined);
  const facts = fieldBody(field).split(/;\s*/);
  assert.equal(facts.filter((fact) => fact.trim().startsWith("signer=")).length, 1);
});

test("the MAC covers what people see, the body and the mailbox", () => {
  const reader = parseAddress("bob@beta.test");
  const other = parseAddress("bea@beta.test");
  assert(reader !== undefined && other !== undefined);
  const key = new Uint8Array(32).fill(1);
  const fields = ["From: a@x.test", "To: b@x.test", "Cc: c@x.test", "Subject: s"];
  const lines = [...fields, "Date: Mon, 23 Nov 2026 10:00:00 +0000", "Message-ID: <1@x.test>"];
  const message = Buffer.from(`${lines.join("\r\n")}\r\n\r\nbody\r\n`);
  const { header } = parseHeader(annotate(message, unprotected(fromUnixMs(0)), reader, key));
  const field = firstField(header, "E2E-Status");
  assert(field !== undefined);
  const [facts = "", mac] = fieldBody(field).split("; mac=");
  assert.match(facts, /; hdr=unprotected;/);
  assert.equal(statusMac(message, facts, reader, key), mac);
  const text = message.toString();
  for (const changed of [
    ...lines.map((line) => text.replace(line, `${line}x`)),
    text.replace("body", "bodx"),
    text.replace("Subject", "Subject: s\r\nSubject"),
  ]) {
    assert.notEqual(statusMac(Buffer.from(changed), facts, reader, key), mac, changed);
  }
  assert.notEqual(statusMac(message, facts, other, key), mac);
  assert.notEqual(statusMac(message, `${facts} `, reader, key), mac);
  assert.equal(
    statusMac(Buffer.from(text.replace("From", "X-Trace: 1\r\nFrom")), facts, reader, key),
    mac,
  );
});
