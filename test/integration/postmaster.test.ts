/** Mail for postmaster without a domain, from the first command to the mailbox of the configured account. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { sealpostJson } from "../../lab/run.ts";
import { makeLoneServer, READER } from "../support/lone-server.ts";
import { RawSmtp } from "../support/raw-smtp.ts";

const NAMES = ["<postmaster>", "<Postmaster@alpha.test>", "<POSTMASTER@mail.alpha.test>"];

test("what comes for postmaster, without a domain too, lies in the mailbox of the configured account", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-postmaster-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const any = { host: "127.0.0.1", port: 0 };
  const listen = { mx: any, lmtp: any, metrics: any };
  const server = await makeLoneServer(dir, database, { postmaster: READER, listen });
  const serving = ends.use(await server.serve("gateway"));
  for (const [at, hello] of [
    ["mx", "EHLO relay.test"],
    ["lmtp", "LHLO relay.test"],
  ] as const) {
    for (const name of NAMES) {
      await using client = await RawSmtp.connect(serving.place(at));
      await client.ask(hello);
      assert.match(await client.ask("MAIL FROM:<sender@beta.test>"), /^250/);
      assert.match(await client.ask(`RCPT TO:${name}`), /^250/, name);
      assert.match(await client.ask("DATA"), /^354/);
      const header = `From: sender@beta.test\r\nTo: ${name}\r\nSubject: ${at} ${name}\r\n`;
      assert.match(await client.ask(`${header}\r\nyour MX is silent\r\n.`), /^250/);
    }
  }
  const { messages } = await sealpostJson<{
    readonly messages: readonly { readonly subject: string }[];
  }>(server.config, ["mail", "list", READER]);
  const subjects = messages.map(({ subject }) => subject).toSorted();
  const expected = ["lmtp", "mx"].flatMap((at) => NAMES.map((name) => `${at} ${name}`));
  assert.deepEqual(subjects, expected.toSorted());
});
