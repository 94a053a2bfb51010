import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGnupg, type Gnupg } from "../gnupg.ts";
import { gpgOk } from "../gnupg-neighbour.ts";
import { providerOf } from "../world.ts";
import { deliverSealed, makeKey, NO_PASSPHRASE, sealWithGnupg } from "./gnupg-mail.ts";
import { canary } from "./message.ts";
import { arrival, readMail, type Stage, type Step } from "./stage.ts";

const [FROM, TO] = ["greta@gnupg.test", "bob@beta.test"];

/** Somebody has greta's key. What it signed before may be theirs as well: dates are theirs to write. */
export const step13: Step = {
  title:
    "from the moment a key is published as compromised, nothing that it signed gets a good state",
  play: async (stage) => {
    const { lab } = stage;
    const { keyserver } = providerOf(lab.world, "beta.test");
    const home = await mkdtemp(join(tmpdir(), "sealpost-gpg-"));
    const subject = canary();
    try {
      const hosts = { [keyserver.host]: keyserver.address };
      await using greta = await openGnupg({ home, caFile: lab.world.ca, hosts });
      await makeKey(greta, FROM);
      await publish(stage, greta);
      const entity = "Content-Type: text/plain; charset=utf-8\r\n\r\nHello Bob.\r\n";
      const armored = await sealWithGnupg(stage, greta, { from: FROM, to: TO, entity });
      await compromise(greta);
      await publish(stage, greta);
      await deliverSealed(stage, { from: FROM, to: TO, subject, armored });
    } finally {
      await rm(home, { recursive: true, force: true });
    }
    const listed = await arrival(stage, TO, subject);
    assert.equal(listed.state, "ENCRYPTED_UNVERIFIED");
    assert.equal(listed.signature, "invalid");
    assert.equal(listed.signer, null);
    assert.match(await readMail(stage, TO, listed.id), /the sender is not confirmed/);
  },
};

async function publish({ lab }: Stage, gnupg: Gnupg): Promise<void> {
  lab.gnupg.keyserver.publish(FROM, await gpgOk(gnupg, ["--armor", "--export", FROM]));
}

/** Revokes the key with reason 2, and imports that. */
async function compromise(gnupg: Gnupg): Promise<void> {
  // Yes; 1: compromised; no description; yes.
  const asked = [...NO_PASSPHRASE, "--no-batch", "--command-fd", "0", "--gen-revoke", FROM];
  const revocation = await gpgOk(gnupg, asked, "y\n1\n\ny\n");
  await gpgOk(gnupg, ["--import"], revocation);
}
