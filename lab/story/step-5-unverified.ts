import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/time.ts";
import { type Gnupg, openGnupg } from "../gnupg.ts";
import { gpgOk } from "../gnupg-neighbour.ts";
import { submitMail } from "../swaks.ts";
import { providerOf } from "../world.ts";
import { canary } from "./message.ts";
import { arrival, readMail, type Step } from "./stage.ts";

const [FROM, TO] = ["frank@gnupg.test", "bob@beta.test"];

/** Encryption alone says nothing of who wrote: the keyserver of frank's domain does not know his key. */
export const step5: Step = {
  title: "what GnuPG sealed with a key that nobody publishes arrives as ENCRYPTED_UNVERIFIED",
  play: async (stage) => {
    const { lab } = stage;
    const { mx, keyserver } = providerOf(lab.world, "beta.test");
    const home = await mkdtemp(join(tmpdir(), "sealpost-gpg-"));
    const [subject, word] = [canary(), canary()];
    try {
      const hosts = { [keyserver.host]: keyserver.address };
      await using frank = await openGnupg({ home, caFile: lab.world.ca, hosts });
      const sealed = await seal(frank, `hkps://${keyserver.host}:${keyserver.port}`, word);
      const message = asMail(subject, sealed);
      const how = { tls: "starttls", ca: lab.world.ca, from: FROM, to: [TO], message } as const;
      const sent = await submitMail({ ...how, server: mx });
      assert(sent.isAccepted, sent.dialogue);
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

/** Signed by a new key, encrypted to the certificate that beta publishes. */
async function seal(gnupg: Gnupg, keyserver: string, word: string): Promise<string> {
  const noPassphrase = ["--pinentry-mode", "loopback", "--passphrase", ""];
  const generate = ["--quick-generate-key", FROM, "future-default", "default", "1y"];
  await gpgOk(gnupg, [...noPassphrase, ...generate]);
  const locate = ["--auto-key-locate", "clear,keyserver", "--locate-keys", TO];
  await gpgOk(gnupg, ["--keyserver", keyserver, ...locate]);
  const entity = `Content-Type: text/plain; charset=utf-8\r\n\r\nHello Bob, ${word}\r\n`;
  const sealing = ["--armor", "--sign", "--encrypt", "--trust-model", "always", "--recipient", TO];
  return gpgOk(gnupg, [...noPassphrase, ...sealing], entity);
}

/** PGP/MIME around it (RFC 3156 §4). */
function asMail(subject: string, armored: string): Buffer {
  const lines = [
    `From: ${FROM}`,
    `To: ${TO}`,
    `Subject: ${subject}`,
    `Date: ${systemClock.now().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${canary()}@gnupg.test>`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="edge"',
    "",
    "--edge",
    "Content-Type: application/pgp-encrypted",
    "",
    "Version: 1",
    "",
    "--edge",
    "Content-Type: application/octet-stream",
    "",
    armored.trimEnd().replaceAll(/\r?\n/g, "\r\n"),
    "--edge--",
    "",
  ];
  return Buffer.from(lines.join("\r\n"));
}
