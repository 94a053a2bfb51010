import assert from "node:assert/strict";
import { deliverSealed, mailDate, sealWithGnupg } from "./gnupg-mail.ts";
import { canary } from "./message.ts";
import { arrival, readMail, type Step } from "./stage.ts";

const TO = "bob@beta.test";

/** Thunderbird, K-9, mutt, Delta Chat and GPG Mail put the real subject inside, in a form older than RFC 9788. */
export const step12: Step = {
  title: 'mail with protected-headers="v1" shows the subject that was signed, not the one outside',
  play: async (stage) => {
    const { gnupg, user } = stage.lab.gnupg;
    const [subject, word] = [canary(), canary()];
    const entity = [
      'Content-Type: text/plain; charset=utf-8; protected-headers="v1"',
      `From: Erin <${user.address}>`,
      `To: ${TO}`,
      `Date: ${mailDate()}`,
      `Subject: ${subject}`,
      "",
      `Hello Bob, ${word}`,
      "",
    ].join("\r\n");
    const armored = await sealWithGnupg(stage, gnupg, { from: user.address, to: TO, entity });
    await deliverSealed(stage, { from: user.address, to: TO, subject: "...", armored });
    const listed = await arrival(stage, TO, subject);
    assert.equal(listed.state, "CONFIDENTIAL_BODY");
    assert.equal(listed.from, `Erin <${user.address}>`);
    assert.deepEqual(listed.unsigned, []);
    const read = await readMail(stage, TO, listed.id);
    assert(read.includes(word), "bob cannot read what erin wrote");
  },
};
