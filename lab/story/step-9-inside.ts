import assert from "node:assert/strict";
import { secretsIn } from "./eavesdropper.ts";
import { writeMessage } from "./message.ts";
import { arrival, fingerprintOf, recorderAt, type Step, submitOk } from "./stage.ts";

const [FROM, TO] = ["alice@alpha.test", "andy@alpha.test"];

/** The provider's own customers are no exception. */
export const step9: Step = {
  title: "mail inside alpha is sealed in the same way and arrives in the same state",
  play: async (stage) => {
    const message = writeMessage({ from: FROM, to: [TO], about: "das Büro" });
    const recorder = recorderAt(stage, "alpha.test");
    recorder.take();
    const submitted = await submitOk(stage, { from: FROM, to: [TO], message: message.bytes });
    assert.match(submitted.reply, /1 encrypted/);
    const capture = recorder.take();
    assert(capture.includes("-----BEGIN PGP MESSAGE-----"));
    assert.deepEqual(secretsIn(capture, message.secrets), []);
    const listed = await arrival(stage, TO, message.subject);
    assert.equal(listed.state, "CONFIDENTIAL");
    assert.equal(listed.signer, FROM);
    assert.equal(listed.fingerprint, await fingerprintOf(stage, FROM));
  },
};
