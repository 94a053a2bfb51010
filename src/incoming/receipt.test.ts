import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { fieldBody, parseHeader } from "../mail/header.ts";
import type { SentTo } from "../mailbox/summary.ts";
import { withReceipt } from "./receipt.ts";

const MESSAGE = Buffer.from("From: alice@alpha.test\r\nTo: bob@beta.test\r\n\r\ntext\r\n");

function to(address: string, o: Partial<SentTo> = {}): SentTo {
  return { address, got: "sealed", code: "OK", fingerprint: "ABCD", isBlind: false, ...o };
}

function receiptOf(sent: readonly SentTo[]): string {
  const [field, ...others] = parseHeader(withReceipt(MESSAGE, sent)).header;
  assert(field?.name === "E2E-Receipt");
  assert.deepEqual(Buffer.concat(others.map(({ raw }) => raw)), MESSAGE.subarray(0, -8));
  return fieldBody(field);
}

test("a sent message says on top what each recipient got, and why", () => {
  const clear = to("carol@legacy.test", { got: "clear", code: "NOSVC", fingerprint: "" });
  const blind = to("ben@beta.test", { isBlind: true });
  const off = to("dan@gamma.test", { got: "clear", code: "", fingerprint: "" });
  assert.equal(
    receiptOf([to("bob@beta.test"), clear, blind, off]),
    "v=1, rcpt=bob@beta.test; got=sealed; code=OK; fpr=ABCD, " +
      "rcpt=carol@legacy.test; got=clear; code=NOSVC, " +
      "rcpt=ben@beta.test; got=sealed; code=OK; fpr=ABCD; blind=yes, rcpt=dan@gamma.test; got=clear",
  );
});

test("a message that was not sent here stays as it is", () => {
  assert.equal(withReceipt(MESSAGE, []), MESSAGE);
});

test("an address that would read as more than one fact, or needs SMTPUTF8, is in ASCII and in one piece", () => {
  const codes = [
    "rosa+x@beta.test",
    '"a; got=sealed, b"@beta.test',
    "jürgen@beta.test",
    '"a@b"@c.d',
  ];
  const rest = "; got=sealed; code=OK; fpr=ABCD";
  assert.equal(
    receiptOf(codes.map((address) => to(address))),
    `v=1, rcpt=rosa+x@beta.test${rest}, rcpt=%22a%3B%20got%3Dsealed%2C%20b%22@beta.test${rest}, ` +
      `rcpt=j%C3%BCrgen@beta.test${rest}, rcpt=%22a%40b%22@c.d${rest}`,
  );
});

test("whatever stands beside a message, its receipt is one folded field in ASCII", () => {
  const any = fc.string({ unit: "binary", maxLength: 60 });
  const recipient = fc.record({
    address: any,
    got: any,
    code: any,
    fingerprint: any,
    isBlind: fc.boolean(),
  }) as fc.Arbitrary<SentTo>;
  fc.assert(
    fc.property(fc.array(recipient, { minLength: 1, maxLength: 20 }), (sent) => {
      const made = Buffer.from(withReceipt(MESSAGE, sent));
      const field = made.subarray(0, made.length - MESSAGE.length).toString("latin1");
      assert.match(field, /^E2E-Receipt: v=1,[ -~]*\r\n(?: [ -~]+\r\n)*$/);
      for (const line of field.split("\r\n")) {
        assert(line.length <= 78 || line.trim().split(" ").length === 1, line);
      }
      const facts = fieldBody(parseHeader(made).header[0] ?? assert.fail());
      assert.equal(facts.split(", ").length, 1 + sent.length);
      const read = facts.split(", ").slice(1);
      const addresses = read.map((one) => /^rcpt=([^;]*);/.exec(one)?.[1] ?? assert.fail(one));
      assert.deepEqual(
        addresses.map((one) => decodeURIComponent(one)),
        sent.map(({ address }) => address.toWellFormed()),
      );
    }),
  );
});
