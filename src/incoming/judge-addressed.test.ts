/** For whom a message was meant, and what becomes of one that was meant for somebody else. */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  makePeople,
  TO,
  bob,
  mallory,
  judged,
  judgedPayload,
  INSIDE,
  PLAIN,
} from "../../test/support/judging.ts";

before(makePeople);

test("a message meant for somebody else and sealed again to the reader is not addressed to him", async () => {
  const verdict = await judged({ to: "carol@beta.test", intended: [mallory] });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(verdict.warnings, ["NOT_ADDRESSED"]);
});

test("a wrong intended recipient counts even if To names the reader", async () => {
  const verdict = await judged({ intended: [mallory] });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(verdict.warnings, ["NOT_ADDRESSED"]);
});

test("a reader who got a blind copy is named in the signature of his copy", async () => {
  const verdict = await judged({ to: "carol@beta.test" });
  assert.equal(verdict.state, "CONFIDENTIAL");
});

test("without intended recipients the protected To decides", async () => {
  assert.equal((await judged({ intended: [] })).state, "CONFIDENTIAL");
  assert.equal(
    (await judged({ intended: [], to: "carol@beta.test" })).state,
    "ENCRYPTED_UNVERIFIED",
  );
  assert.equal((await judged({ intended: [], to: "bob+news@beta.test" })).state, "CONFIDENTIAL");
});

test("an intended recipient fingerprint alone does not sign the fields that are shown", async () => {
  assert.equal((await judgedPayload(PLAIN, { intended: [bob] })).state, "CONFIDENTIAL_BODY");
  const foreign = await judgedPayload(PLAIN, { intended: [mallory] });
  assert.equal(foreign.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(foreign.warnings, ["NOT_ADDRESSED"]);
});

test("a protected Bcc names the reader of a blind copy", async () => {
  const head = `${PLAIN}; hp="cipher"\r\n${INSIDE.replace(TO, "carol@beta.test")}`;
  assert.deepEqual((await judgedPayload(head)).warnings, ["NOT_ADDRESSED"]);
  assert.equal((await judgedPayload(`${head}\r\nBcc: bob@beta.test`)).state, "CONFIDENTIAL");
});
