import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGnupg } from "../gnupg.ts";
import { providerOf } from "../world.ts";
import { deliverSealed, makeKey, sealWithGnupg } from "./gnupg-mail.ts";
import { canary } from "./message.ts";
import { arrival, readMail, type Step } from "./stage.ts";

const [FROM, TO] = ["frank@gnupg.test", "bob@beta.test"];

/** Encryption alone says nothing of who wrote: the keyserver of frank's domain does not know his key. */
export const step5: Step = {
  title: "what GnuPG sealed with a key that nobody publishes arrives as ENCRYPTED_UNVERIFIED",
  play: async (stage) => {
    const { lab } = stage;
    const { keyserver } = providerOf(lab.world, "beta.test");
    const home = await mkdtemp(join(tmpdir(), "sealpost-gpg-"));
    const [subject, word] = [canary(), canary()];
    try {
      const hosts = { [keyserver.host]: keyserver.address };
      await using frank = await openGnupg({ home, caFile: lab.world.ca, hosts });
      await makeKey(frank, FROM);
      const entity = `Content-Type: text/plain; charset=utf-8\r\n\r\nHello Bob, ${word}\r\n`;
      const armored = await sealWithGnupg(stage, frank, { from: FROM, to: TO, entity });
      await deliverSealed(stage, { from: FROM, to: TO, subject, armored });
    } finally {
      await rm(home, { recursive: true, force: true });
    }
    const listed = await arrival(stage, TO, subject);
    assert.equal(listed.state, "ENCRYPTED_UNVERIFIED");
    assert.equal(listed.signature, "unknown");
    assert.equal(listed.signer, null);
    const read = await readMail(stage, TO, listed.id);
    assert(read.includes(word), "bob cannot read what frank wrote");
  },
};
