import assert from "node:assert/strict";
import { text } from "../../src/locales/locales.ts";
import { sealpost } from "../run.ts";
import { providerFor } from "../world.ts";
import { secretsIn } from "./eavesdropper.ts";
import {
  arrival,
  assertNothingAtBogus,
  fingerprintOf,
  listDeferred,
  recorderAt,
  showMail,
  type Stage,
  type Step,
} from "./stage.ts";

const FROM = "alice@alpha.test";

/** Doubt ends in one of three ways: sealed, in clear by the sender's policy, or a bounce. Here it is sealed, or cancelled. */
export const step14: Step = {
  title:
    "what waited in step 7 has arrived sealed, without anybody's doing; alice gets a bounce for what is cancelled",
  play: async (stage) => {
    const { waiting } = stage;
    assert(waiting, "step 7 was not played to its end");
    const fingerprint = await fingerprintOf(stage, FROM);
    for (const [to, message] of [
      ["mia@mended.test", waiting.mia],
      ["ben@beta.test", waiting.ben],
    ] as const) {
      const { id } = await arrival(stage, to, message.subject);
      const shown = await showMail(stage, to, id);
      assert.equal(shown.state, "CONFIDENTIAL");
      assert.equal(shown.fingerprint, fingerprint);
      const sums = shown.parts.map(({ sha256 }) => sha256);
      for (const part of message.parts) assert(sums.includes(part.sha256), `${part.what} differs`);
    }
    const capture = recorderAt(stage, "beta.test").take();
    for (const { secrets } of Object.values(waiting)) {
      assert.deepEqual(secretsIn(capture, secrets), []);
    }
    await cancelDaves(stage, waiting.dave.messageId);
    assert.deepEqual(await listDeferred(stage), []);
    await assertNothingAtBogus(stage);
  },
};

/** DNS of bogus.test stays as it is: an operator ends the wait. */
async function cancelDaves(stage: Stage, messageId: string): Promise<void> {
  const left = await listDeferred(stage);
  assert.deepEqual(
    left.map((message) => message.messageId),
    [messageId],
  );
  const { config } = providerFor(stage.lab.world, FROM);
  const cancelled = await sealpost(config, ["deferred", "cancel", messageId]);
  assert.match(cancelled.toString(), /alice@alpha\.test gets a bounce/);
  const bounce = await arrival(stage, FROM, text("bounce.subject", "en"));
  const { parts } = await showMail(stage, FROM, bounce.id);
  assert.match(parts.map((part) => part.text ?? "").join(), /dave@bogus\.test/);
}
