/** What the time of a signature says beside the times of the message. */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  makePeople,
  NOW,
  judged,
  judgedPayload,
  DATED,
  INSIDE,
  PLAIN,
} from "../../test/support/judging.ts";
import { after, DAY, HOUR, MINUTE } from "../base/time.ts";

before(makePeople);

test("without a protected date the signature is compared with the arrival", async () => {
  const fields = `${PLAIN}; hp="cipher"\r\n${INSIDE.replace(`\r\n${DATED}`, "")}`;
  const near = await judgedPayload(fields, { receivedAt: after(NOW, 4 * DAY) });
  assert.equal(near.state, "CONFIDENTIAL_BODY");
  assert.deepEqual(near.unsigned, ["Date"]);
  const far = await judgedPayload(fields, { receivedAt: after(NOW, 5 * DAY + MINUTE) });
  assert.equal(far.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(far.warnings, ["OLD_SIGNATURE"]);
  assert.deepEqual(far.signedAt, NOW);
});

test("a signature from after the arrival is invalid, within ten minutes it is not", async () => {
  const late = await judged({ receivedAt: after(NOW, -11 * MINUTE) });
  assert.equal(late.signature, "invalid");
  const skewed = await judged({ receivedAt: after(NOW, -9 * MINUTE) });
  assert.equal(skewed.state, "CONFIDENTIAL");
});

test("a signature more than a day away from the message's date is invalid", async () => {
  const verdict = await judged({ date: after(NOW, -25 * HOUR) });
  assert.equal(verdict.signature, "invalid");
  assert.equal((await judged({ date: after(NOW, -23 * HOUR) })).state, "CONFIDENTIAL");
});

test("an old signed message that arrives again is shown with a warning", async () => {
  const verdict = await judged({ receivedAt: after(NOW, 8 * DAY) });
  assert.deepEqual(verdict.warnings, ["OLD_SIGNATURE"]);
});
