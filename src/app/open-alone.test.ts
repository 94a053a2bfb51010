/** What of a message is known once a process of its own has opened it, or ended of it. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { TooCostly } from "../base/errors.ts";
import { after as later, DAY, fromUnixMs } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { seal } from "../pgpmime/seal.ts";
import { openingAlone } from "./open-alone.ts";

const NOW = fromUnixMs(1_795_000_000_000);
let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-alone-"));
});
after(async () => {
  await rm(dir, { recursive: true });
});

async function newKey(): Promise<UnlockedKey> {
  const address = parseAddress("alice@alpha.test");
  assert(address !== undefined);
  const made = await generateKey({ address, profile: "compat", now: later(NOW, -DAY) });
  return readSecretKey(made.secretKey);
}

/** A child that says `begun`, and then does this. */
async function childThat(does: string): Promise<string> {
  const file = join(dir, `${String(does.length)}.mjs`);
  const text = `process.once("message", () => process.send({ kind: "begun" }, () => { ${does} }));`;
  await writeFile(file, text);
  return file;
}

const nothing = { message: new Uint8Array(), keys: [] };

test("a message opens alone as it does in a worker, and the caller's key stays usable", async () => {
  using key = await newKey();
  const text = "From: alice@alpha.test\r\nSubject: s\r\n\r\ntext\r\n";
  const message = await seal({
    message: Buffer.from(text),
    signer: key,
    recipients: [key.certificate],
    intended: [key.fingerprint],
    now: NOW,
  });
  for (const _again of [1, 2]) {
    const opened = await openingAlone()({ message, keys: [key] });
    assert(opened.kind === "opened");
    assert(Buffer.from(opened.payload).includes("text"));
  }
});

for (const [what, does, signal] of [
  ["takes more processor time than it may", "for (;;);", "SIGXCPU"],
  [
    "takes more memory than it may",
    "const all = []; for (;;) all.push(new Array(1e6).fill({}).map(() => ({})));",
    "SIG(?:ABRT|TRAP)",
  ],
  ["breaks its process", "process.abort();", "SIGABRT"],
] as const) {
  test(`a message that ${what} is damaged`, async () => {
    const open = openingAlone({ cpuSeconds: 5, memoryMb: 64 }, await childThat(does));
    const opened = await open(nothing);
    assert(opened.kind === "damaged");
    assert.match(opened.reason, new RegExp(signal));
  });
}

for (const [what, does] of [
  ["is killed from outside", `process.kill(process.pid, "SIGKILL");`],
  ["is ended with the service", `process.kill(process.pid, "SIGTERM");`],
  ["ends without an answer", "process.exit(1);"],
  ["fails", `process.send({ kind: "failed", reason: "x" }, () => process.disconnect());`],
] as const) {
  test(`a process that ${what} says nothing about its message`, async () => {
    await assert.rejects(openingAlone({}, await childThat(does))(nothing), TooCostly);
  });
}

test("a process that does not begin says nothing about its message", async () => {
  const file = join(dir, "broken.mjs");
  await writeFile(file, "process.abort();");
  await assert.rejects(openingAlone({}, file)(nothing), TooCostly);
});
