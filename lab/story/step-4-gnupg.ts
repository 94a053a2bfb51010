import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openGnupg } from "../gnupg.ts";
import { fingerprintOf as fingerprintIn, gpgOk } from "../gnupg-neighbour.ts";
import { providerOf } from "../world.ts";
import { armoredMessageIn, writeMessage } from "./message.ts";
import { fingerprintOf, type Stage, type Step, submitOk } from "./stage.ts";

const FROM = "alice@alpha.test";

/** Somebody who knows nothing of Sealpost and has GnuPG. */
export const step4: Step = {
  title: "GnuPG fetches alice's certificate by address and by fingerprint, and opens what she sent",
  play: async (stage) => {
    const alice = await fingerprintOf(stage, FROM);
    await fetchByAddress(stage, alice);
    await fetchByFingerprint(stage, alice);

    const { gnupg, sink, user } = stage.lab.gnupg;
    const message = writeMessage({ from: FROM, to: [user.address], about: "das Schloss" });
    const before = (await sink.received()).length;
    const submission = { from: FROM, to: [user.address], message: message.bytes };
    const submitted = await submitOk(stage, { ...submission, tls: "starttls" });
    assert.match(submitted.reply, /1 encrypted/);
    const received = (await sink.received()).slice(before);
    assert.equal(received.length, 1);

    const armored = armoredMessageIn(received[0]?.message ?? new Uint8Array());
    const opened = await gnupg.gpg(["--status-fd", "2", "--decrypt"], { input: armored });
    assert.equal(opened.code, 0, opened.stderr);
    assert.match(opened.stderr, /^\[GNUPG:\] DECRYPTION_OKAY/m);
    assert.match(opened.stderr, new RegExp(String.raw`^\[GNUPG:\] VALIDSIG .*${alice}`, "m"));
    for (const word of message.secrets["text"] ?? []) {
      const quoted = Buffer.from(word).toString().replace("ß", "=C3=9F");
      assert(opened.stdout.includes(quoted), "the text is not what alice wrote");
    }
  },
};

async function fetchByAddress(stage: Stage, alice: string): Promise<void> {
  const { gnupg } = stage.lab.gnupg;
  const locate = ["--auto-key-locate", "clear,keyserver", "--locate-keys", FROM];
  await gpgOk(gnupg, ["--keyserver", keyserverOf(stage), ...locate]);
  assert.equal(await fingerprintIn(gnupg, FROM), alice);
}

/** In a home that has never seen her. */
async function fetchByFingerprint(stage: Stage, alice: string): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "sealpost-gpg-"));
  try {
    const { host, address } = providerOf(stage.lab.world, "alpha.test").keyserver;
    const caFile = stage.lab.world.ca;
    await using gnupg = await openGnupg({ home, caFile, hosts: { [host]: address } });
    await gpgOk(gnupg, ["--keyserver", keyserverOf(stage), "--recv-keys", alice]);
    assert.equal(await fingerprintIn(gnupg, FROM), alice);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function keyserverOf({ lab }: Stage): string {
  const { host, port } = providerOf(lab.world, "alpha.test").keyserver;
  return `hkps://${host}:${port}`;
}
