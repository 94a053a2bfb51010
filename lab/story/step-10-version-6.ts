import assert from "node:assert/strict";
import { providerOf } from "../world.ts";
import { secretsIn } from "./eavesdropper.ts";
import { writeMessage } from "./message.ts";
import {
  arrival,
  fingerprintOf,
  recorderAt,
  showMail,
  type Stage,
  type Step,
  submitOk,
} from "./stage.ts";

const [ALICE, GITA] = ["alice@alpha.test", "gita@gamma.test"];
const V6_DIGITS = 64;

/** A provider whose keys are version 6, which only version 2 of HKP gives: mail is sealed both ways. */
export const step10: Step = {
  title: "a provider with v6 keys: alice and gita write to each other, sealed and CONFIDENTIAL",
  play: async (stage) => {
    assert.equal(providerOf(stage.lab.world, "gamma.test").profile, "modern");
    assert.equal((await fingerprintOf(stage, GITA)).length, V6_DIGITS);
    await isSealed(stage, { from: ALICE, to: GITA, at: "gamma.test" });
    await isSealed(stage, { from: GITA, to: ALICE, at: "alpha.test" });
  },
};

async function isSealed(
  stage: Stage,
  { from, to, at }: { readonly from: string; readonly to: string; readonly at: string },
): Promise<void> {
  const message = writeMessage({ from, to: [to], about: "das Konzert" });
  const recorder = recorderAt(stage, at);
  recorder.take();
  const submitted = await submitOk(stage, { from, to: [to], message: message.bytes });
  assert.match(submitted.reply, /1 encrypted/);
  const capture = recorder.take();
  assert(capture.length > 0);
  assert.deepEqual(secretsIn(capture, message.secrets), []);
  const listed = await arrival(stage, to, message.subject);
  assert.equal(listed.state, "CONFIDENTIAL");
  assert.equal(listed.signer, from);
  assert.equal(listed.fingerprint, await fingerprintOf(stage, from));
  const shown = await showMail(stage, to, listed.id);
  const received = new Set(shown.parts.map((part) => part.sha256));
  assert(message.parts.every((part) => received.has(part.sha256)));
}
