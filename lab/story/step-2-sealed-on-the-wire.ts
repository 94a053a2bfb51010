import assert from "node:assert/strict";
import { secretsIn } from "./eavesdropper.ts";
import { writeMessage } from "./message.ts";
import { recorderAt, type Step, submitOk } from "./stage.ts";

const MEGABYTE = 1_000_000;
const [FROM, TO] = ["alice@alpha.test", "bob@beta.test"];

/** The main job: an ordinary client sends an ordinary message, and nothing of it can be read on the way. */
export const step2: Step = {
  title:
    "alice writes to bob with a stock client; at beta's MX nothing of her message can be found",
  play: async (stage) => {
    const about = "den Garten";
    const message = writeMessage({ from: FROM, to: [TO], about, attachmentBytes: MEGABYTE });
    // The search must be able to find what it will not find.
    assert.deepEqual(secretsIn(message.bytes, message.secrets), Object.keys(message.secrets));

    const recorder = recorderAt(stage, "beta.test");
    recorder.take();
    const submitted = await submitOk(stage, { from: FROM, to: [TO], message: message.bytes });
    assert.match(submitted.reply, /1 encrypted/);

    const capture = recorder.take();
    assert(capture.length > MEGABYTE, `only ${capture.length} bytes came by`);
    assert.deepEqual(secretsIn(capture, message.secrets), []);
    const text = capture.toString("latin1");
    assert.match(text, /^Subject: \[\.\.\.\]\r$/m);
    assert.match(text, /^Content-Type: multipart\/encrypted;/im);
    assert.match(text, /^-----BEGIN PGP MESSAGE-----\r$/m);
    stage.firstMessage = message;
  },
};
