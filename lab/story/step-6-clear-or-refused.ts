import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sealpost } from "../run.ts";
import { providerOf } from "../world.ts";
import { writeMessage } from "./message.ts";
import { type Stage, type Step, submit, submitOk } from "./stage.ts";

const TO = "carol@legacy.test";

/** A recipient whose provider offers no encryption: the sender's policy decides, and he is told. */
export const step6: Step = {
  title:
    "to carol@legacy.test: in clear and said so, or refused where the policy requires encryption",
  play: async (stage) => {
    const clear = writeMessage({ from: "alice@alpha.test", to: [TO], about: "das Wetter" });
    const before = await receivedAt(stage);
    const letter = { from: "alice@alpha.test", to: [TO], message: clear.bytes };
    const submitted = await submitOk(stage, letter);
    assert.match(submitted.reply, /NOT ENCRYPTED/);
    const received = (await receivedAt(stage)).slice(before.length);
    assert.equal(received.length, 1);
    const [delivered = ""] = received;
    assert(delivered.includes(clear.messageId));
    assert.doesNotMatch(delivered, /BEGIN PGP/);

    const { config } = providerOf(stage.lab.world, "alpha.test");
    const trace = await sealpost(config, ["trace", clear.messageId]);
    assert.match(trace.toString(), /legacy\.test/);
    assert.match(trace.toString(), /clear/i);

    const strict = writeMessage({ from: "rosa@alpha.test", to: [TO], about: "das Geld" });
    const refused = await submit(stage, {
      ...letter,
      from: "rosa@alpha.test",
      message: strict.bytes,
    });
    assert.equal(refused.refusedAt, "recipient");
    assert.match(refused.reply, /^550 5\.7\.5 /);
    assert.equal((await receivedAt(stage)).length, before.length + 1);
  },
};

/** The mail that legacy.test has taken, in the order of its files' names. */
async function receivedAt({ lab }: Stage): Promise<readonly string[]> {
  const dir = lab.world.sinks["legacy.test"]?.dir ?? "";
  const files = (await readdir(dir)).filter((file) => file.endsWith(".eml")).toSorted();
  return Promise.all(files.map(async (file) => readFile(join(dir, file), "latin1")));
}
