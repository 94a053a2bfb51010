import assert from "node:assert/strict";
import { arrival, fingerprintOf, showMail, type Step } from "./stage.ts";

/** What the reader gets is what the writer wrote, and Sealpost says whose it is. */
export const step3: Step = {
  title: "bob's mailbox shows it as CONFIDENTIAL, from alice's key, every part as she sent it",
  play: async (stage) => {
    const { firstMessage: sent } = stage;
    assert(sent, "step 2 sent nothing");
    const listed = await arrival(stage, "bob@beta.test", sent.subject);
    const alice = await fingerprintOf(stage, "alice@alpha.test");
    assert.equal(listed.state, "CONFIDENTIAL");
    assert.equal(listed.signature, "verified");
    assert.equal(listed.signer, "alice@alpha.test");
    assert.equal(listed.fingerprint, alice);
    assert.deepEqual(listed.warnings, []);

    const shown = await showMail(stage, "bob@beta.test", listed.id);
    const received = new Set(shown.parts.map((part) => part.sha256));
    const lost = sent.parts.filter((part) => !received.has(part.sha256)).map((part) => part.what);
    assert.deepEqual(lost, [], "these parts are not as they were sent");
    assert(shown.parts.some((part) => part.filename?.startsWith("Pläne-") === true));
  },
};
