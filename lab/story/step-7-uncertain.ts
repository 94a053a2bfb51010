import assert from "node:assert/strict";
import { secretsIn } from "./eavesdropper.ts";
import { type StoryMessage, writeMessage } from "./message.ts";
import {
  assertNothingAtBogus,
  listDeferred,
  recorderAt,
  type Stage,
  type Step,
  submit,
} from "./stage.ts";

const [ALICE, ROSA] = ["alice@alpha.test", "rosa@alpha.test"];
const [DAVE, MIA, BEN] = ["dave@bogus.test", "mia@mended.test", "ben@beta.test"];

/** Not knowing is not the same as "no key": whoever disturbs DNS or a keyserver must not get the clear text. */
export const step7: Step = {
  title:
    "with bogus DNS or a keyserver that is down nothing leaves: alice's mail waits, rosa's client is told to try again",
  play: async (stage) => {
    const beta = stage.lab.providers.get("beta.test");
    assert(beta);
    recorderAt(stage, "beta.test").take();
    const dave = await sendsNothing(stage, DAVE);
    const mia = await sendsNothing(stage, MIA);
    await beta.stopKeyserver();
    let ben: StoryMessage;
    try {
      // Nobody has written to ben before: nothing of him can be in a cache.
      ben = await sendsNothing(stage, BEN);
    } finally {
      await beta.startKeyserver();
    }
    const waiting = await listDeferred(stage);
    assert.deepEqual(
      waiting.map(({ messageId, recipients, reason }) => [messageId, recipients, reason]),
      [
        [dave.messageId, [DAVE], "UNSURE-DNS"],
        [mia.messageId, [MIA], "UNSURE-DNS"],
        [ben.messageId, [BEN], "UNSURE-KS"],
      ],
    );
    await assertNothingAtBogus(stage);
    // What waits is tried after a minute: other steps are played meanwhile, and step 14 looks at what came of it.
    stage.waiting = { dave, mia, ben };
    await stage.lab.mend("mended.test");
  },
};

/** Submits as both users. @returns alice's message, which waits. */
async function sendsNothing(stage: Stage, to: string): Promise<StoryMessage> {
  const refused = await sendUnseen(stage, ROSA, to);
  assert.equal(refused.submitted.isAccepted, false, `taken from ${ROSA} for ${to}`);
  assert.match(refused.submitted.reply, /^450 4\.7\.5 /);
  assert.equal(refused.submitted.refusedAt, "recipient");
  const taken = await sendUnseen(stage, ALICE, to);
  assert(taken.submitted.isAccepted, taken.submitted.reply);
  assert.match(taken.submitted.reply, /^250 2\.0\.0 .*waits, nothing sent yet/);
  assert(taken.submitted.reply.includes(`<${to}>`), taken.submitted.reply);
  return taken.message;
}

async function sendUnseen(stage: Stage, from: string, to: string) {
  const message = writeMessage({ from, to: [to], about: "die Reise" });
  const submitted = await submit(stage, { from, to: [to], message: message.bytes });
  const capture = recorderAt(stage, "beta.test").take();
  assert.deepEqual(secretsIn(capture, message.secrets), []);
  assert.equal(capture.length, 0, "beta's MX was spoken to");
  return { message, submitted };
}
