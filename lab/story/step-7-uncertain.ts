import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { secretsIn } from "./eavesdropper.ts";
import { writeMessage } from "./message.ts";
import { recorderAt, type Stage, type Step, submit } from "./stage.ts";

/** Not knowing is not the same as "no key": whoever disturbs DNS or a keyserver must not get the clear text. */
export const step7: Step = {
  title: "with bogus DNS or a keyserver that is down nothing leaves in clear: 450 4.7.5, try again",
  play: async (stage) => {
    const beta = stage.lab.providers.get("beta.test");
    assert(beta);
    recorderAt(stage, "beta.test").take();
    await refusesForNow(stage, "dave@bogus.test");
    await beta.stopKeyserver();
    try {
      // Nobody has written to ben before: nothing of him can be in a cache.
      await refusesForNow(stage, "ben@beta.test");
    } finally {
      await beta.startKeyserver();
    }
    const sinkDir = stage.lab.world.sinks["bogus.test"]?.dir ?? "";
    assert.deepEqual(await readdir(sinkDir), [], "something has left for bogus.test");
  },
};

async function refusesForNow(stage: Stage, to: string): Promise<void> {
  const cases = [
    { from: "alice@alpha.test", at: "message" },
    { from: "rosa@alpha.test", at: "recipient" },
  ];
  for (const { from, at } of cases) {
    const message = writeMessage({ from, to: [to], about: "die Reise" });
    const submitted = await submit(stage, { from, to: [to], message: message.bytes });
    assert.equal(submitted.isAccepted, false, `taken from ${from} for ${to}`);
    assert.match(submitted.reply, /^450 4\.7\.5 /);
    assert.equal(submitted.refusedAt, at);
    const capture = recorderAt(stage, "beta.test").take();
    assert.deepEqual(secretsIn(capture, message.secrets), []);
    assert.equal(capture.length, 0, "beta's MX was spoken to");
  }
}
