import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseAddress } from "../src/mail/address.ts";
import { relayWith } from "../src/smtp/relay/relay.ts";
import { startSink } from "./sink.ts";

test("the sink keeps each message and its envelope, byte for byte", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-sink-"));
  try {
    await using sink = await startSink({ host: "127.0.0.1", dir });
    const relay = relayWith({ hopFor: () => sink, hostname: "mail.alpha.test" });
    const [from, carol] = ["alice@alpha.test", "carol@legacy.test"].map((one) => parseAddress(one));
    assert(from && carol);
    const first = Buffer.from("Subject: 1\r\n\r\n.one\r\n");
    await relay({ from, recipients: [carol] }, first);
    await relay({ from: undefined, recipients: [carol] }, Buffer.from("Subject: 2\r\n\r\n"));
    const mails = await sink.received();
    assert.deepEqual(
      mails.map(({ from: sender, recipients }) => [sender, ...recipients]),
      [
        ["alice@alpha.test", "carol@legacy.test"],
        ["", "carol@legacy.test"],
      ],
    );
    assert.deepEqual(await readFile(mails[0]?.file ?? ""), first);
  } finally {
    await rm(dir, { recursive: true });
  }
});
