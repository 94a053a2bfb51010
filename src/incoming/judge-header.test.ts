/** Which of the fields that are shown were signed, and what that makes of the state. */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { makePeople, TO, bob, judgedPayload, INSIDE, PLAIN } from "../../test/support/judging.ts";

before(makePeople);

test("a payload without header protection is signed text, and its outer fields are named as not signed", async () => {
  const verdict = await judgedPayload(PLAIN);
  assert.equal(verdict.state, "CONFIDENTIAL_BODY");
  assert.equal(verdict.signer, "alice@alpha.test");
  assert.equal(verdict.header, "unprotected");
  assert.deepEqual(verdict.unsigned, ["From", "To", "Subject", "Date"]);
  assert.deepEqual(verdict.warnings, []);
  assert.equal(verdict.evidence["addressee"], "unsaid");
});

test('protected-headers="v1" is read as signed fields, and is confidential with an intended recipient', async () => {
  const v1 = `${PLAIN}; protected-headers="v1"\r\n${INSIDE}`;
  const verdict = await judgedPayload(v1);
  assert.equal(verdict.state, "CONFIDENTIAL_BODY");
  assert.deepEqual([verdict.header, verdict.unsigned], ["protected", []]);
  assert.equal((await judgedPayload(v1, { intended: [bob] })).state, "CONFIDENTIAL");
  const others = await judgedPayload(v1.replace(TO, "carol@beta.test"));
  assert.equal(others.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(others.warnings, ["NOT_ADDRESSED"]);
});

test("a displayed field that v1 leaves outside is not signed", async () => {
  const missing = INSIDE.replace(/To: .*\r\n/, "");
  const v1 = `${PLAIN}; protected-headers="v1"\r\n${missing}`;
  const verdict = await judgedPayload(v1, { intended: [bob] });
  assert.equal(verdict.state, "CONFIDENTIAL_BODY");
  assert.deepEqual([verdict.header, verdict.unsigned], ["partly", ["To"]]);
});

test("where hp stands, v1 counts for nothing", async () => {
  const both = `${PLAIN}; hp="other"; protected-headers="v1"\r\n${INSIDE}`;
  assert.equal((await judgedPayload(both)).header, "unprotected");
});

test("what its author signed in clear and somebody sealed afterwards is worth what it was in clear", async () => {
  const sealed = await judgedPayload(`${PLAIN}; hp="cipher"\r\n${INSIDE}`);
  assert.equal(sealed.state, "CONFIDENTIAL");
  const clear = `${PLAIN}; hp="clear"\r\n${INSIDE}`;
  assert.equal((await judgedPayload(clear)).state, "VERIFIED");
  const foreign = await judgedPayload(clear.replace(TO, "carol@beta.test"));
  assert.deepEqual([foreign.state, foreign.warnings], ["VERIFIED", ["NOT_ADDRESSED"]]);
  const intended = await judgedPayload(clear, { intended: [bob] });
  assert.deepEqual([intended.state, intended.signature], ["UNPROTECTED", "invalid"]);
});

test("a header with two readings protects nothing, whichever line makes the second", async () => {
  const head = `${PLAIN}; hp="cipher"`;
  for (const fields of [
    ` \r\n${INSIDE}\r\n${head}`,
    `${head}\r\nno field\r\n${INSIDE}`,
    `${head}\r\n${INSIDE.replace("From:", "From :")}`,
    `${head}\r\nX-A: a\rFrom: ceo@alpha.test\r\n${INSIDE}`,
    `${head}\r\nX-A: a\nX-B: b\r\n${INSIDE}`,
    `${head}\r\nX-A: a\0b\r\n${INSIDE}`,
    `${head}\r\nX-A: a\r\n \r\n${INSIDE}`,
    `${head}\r\n${INSIDE}\r\nSubject: other`,
    `${head}\r\n${INSIDE}\r\n${PLAIN}`,
  ]) {
    const { state, header } = await judgedPayload(fields, { intended: [bob] });
    assert.deepEqual([state, header], ["CONFIDENTIAL_BODY", "unprotected"], JSON.stringify(fields));
  }
});
