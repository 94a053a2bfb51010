/** `sealpost account notices`, as an operator or a user types it. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";

import { start, summaryMail } from "../../test/contract/mailbox-world.ts";
import { addAll, ADDRESS, PASSWORD, withNewMailbox } from "../../test/support/cli-mail.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { sent } from "../incoming/verdicts.ts";
import type { SentTo } from "../mailbox/summary.ts";

const COMMAND = ["account", "notices", ADDRESS];

function to(address: string, got: SentTo["got"], o: Partial<SentTo> = {}): SentTo {
  return { address, got, code: "", fingerprint: "", isBlind: false, ...o };
}

/** An account of this custody that sent three messages, of which two left in clear. */
async function withSent(cli: Cli, custody: string): Promise<readonly string[]> {
  const verdict = sent(start, { how: "clear" });
  const mails = [
    [to("carol@legacy.test", "clear", { code: "NOSVC" }), to("bob@beta.test", "clear")],
    [to("bob@beta.test", "sealed", { code: "OK", fingerprint: "ABCD" })],
    [
      to("bob@beta.test", "sealed", { code: "OK", fingerprint: "ABCD" }),
      to("dan@gamma.test", "clear", { code: "NOKEY", isBlind: true }),
    ],
  ].map((recipients, minutes) =>
    summaryMail(`No. ${String(minutes)}`, { sent: recipients, verdict, minutes }),
  );
  return withNewMailbox(cli, custody, async ({ mailbox }) => addAll(mailbox, mails));
}

test("notices say when, for whom and why, the newest first, page by page", async () => {
  await using cli = await openCli();
  const [first, , third] = await withSent(cli, "provider");
  const at = start.toISOString();
  const newest = {
    id: third,
    at,
    subject: "No. 2",
    because: ["NOKEY"],
    recipients: [{ address: "dan@gamma.test", code: "NOKEY", isBlind: true }],
  };
  const oldest = {
    id: first,
    at,
    subject: "No. 0",
    because: ["NOSVC"],
    recipients: [
      { address: "carol@legacy.test", code: "NOSVC", isBlind: false },
      { address: "bob@beta.test", code: "", isBlind: false },
    ],
  };
  const page = await cli.sealpost([...COMMAND, "--limit", "1"]);
  const { next } = page;
  assert(typeof next === "string");
  assert.deepEqual(page, { notices: [newest], next, sentCopies: true });
  const rest = await cli.sealpost([...COMMAND, "--after", next]);
  assert.deepEqual(rest, { notices: [oldest], next: null, sentCopies: true });
  const { out, err } = await cli.attempt([...COMMAND, "--limit", "1"]);
  assert.equal(out, `${String(third)}  ${at}  NOKEY  No. 2  dan@gamma.test NOKEY blind\n`);
  assert.match(err, /--after /);
  assert.match((await cli.attempt(["audit", "list", ADDRESS])).out, /mail\.listed/);
});

test("the notices of a locked mailbox are read with the password alone", async () => {
  await using cli = await openCli();
  await withSent(cli, "user");
  const refused = await cli.attempt(COMMAND);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /the mailbox is closed: .*--password-stdin/);
  const { notices } = await cli.sealpost([...COMMAND, "--password-stdin"], PASSWORD);
  assert(Array.isArray(notices) && notices.length === 2);
});

test("where no copies are kept the command says so, and what was kept before is listed", async () => {
  await using cli = await openCli();
  await withSent(cli, "provider");
  const config = await readFile(cli.config, "utf8");
  const lines = "[submission]\nsent_copies = false\n";
  await writeFile(cli.config, config.replace("[submission]\n", lines));
  const { out, err } = await cli.attempt(COMMAND);
  assert.equal(out.split("\n").length, 3);
  assert.match(err, /no Sent copies are kept here/);
  assert.equal((await cli.sealpost(COMMAND))["sentCopies"], false);
});
