import assert from "node:assert/strict";
import { deliverSealed, sealWithGnupg } from "./gnupg-mail.ts";
import { canary } from "./message.ts";
import { arrival, readMail, type Step } from "./stage.ts";

const TO = "bob@beta.test";

/** GnuPG protects the text and not the header, and the reader is told exactly that. */
export const step11: Step = {
  title:
    "GnuPG's plain PGP/MIME arrives as CONFIDENTIAL_BODY with its signer, and says what is not signed",
  play: async (stage) => {
    const { gnupg, user } = stage.lab.gnupg;
    const [subject, word] = [canary(), canary()];
    const entity = `Content-Type: text/plain; charset=utf-8\r\n\r\nHello Bob, ${word}\r\n`;
    const armored = await sealWithGnupg(stage, gnupg, { from: user.address, to: TO, entity });
    await deliverSealed(stage, { from: user.address, to: TO, subject, armored });
    const listed = await arrival(stage, TO, subject);
    assert.equal(listed.state, "CONFIDENTIAL_BODY");
    assert.equal(listed.signer, user.address);
    assert.deepEqual(listed.warnings, []);
    assert.deepEqual(listed.unsigned, ["From", "To", "Subject", "Date"]);
    const read = await readMail(stage, TO, listed.id);
    assert(read.includes(word), "bob cannot read what erin wrote");
    assert.match(read, /the text was signed by erin@gnupg\.test, confirmed by gnupg\.test/);
    assert.match(read, /Not signed: From, To, Subject, Date\./);
  },
};
