import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUnixMs } from "../base/time.ts";
import { fieldBody, firstField, parseHeader } from "../mail/header.ts";
import { parseAddress } from "../mail/address.ts";
import { annotate } from "./annotate.ts";
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
